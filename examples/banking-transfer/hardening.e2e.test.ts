import { once } from "node:events";
import { request } from "node:http";
import { PROTOCOL_VERSION, type ListRequest, type WatchRequest } from "@sessions/core/internal";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";
import { DEMO_PASSWORD } from "./src/people.ts";
import { startBank, type BankServer } from "./testing/bank-server.ts";

const database = await freshDatabase();
let bank: BankServer;
let otherNode: BankServer;

beforeAll(async () => {
  bank = await startBank(database.url);
  otherNode = await startBank(database.url);
});
afterAll(() => Promise.all([bank?.remove(), otherNode?.remove()]));

const json = { "content-type": "application/json", "sec-fetch-site": "same-origin" };

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${bank.url}/trpc/${path}`, {
    method: "POST",
    headers: { ...json, ...headers },
    body: JSON.stringify(body),
  });
}

const signIn = (id: string, password: string) => post("signIn", { id, password });

function ask(path: string, cookie: string, input?: object, node = bank): Promise<Response> {
  const query = input ? `?input=${encodeURIComponent(JSON.stringify(input))}` : "";
  return fetch(`${node.url}/trpc/${path}${query}`, { headers: { cookie } });
}

async function cookieOf(id: string): Promise<string> {
  const signedIn = await signIn(id, DEMO_PASSWORD);
  return signedIn.headers.get("set-cookie")!.split(";")[0]!;
}

async function current(cookie: string) {
  const { result } = (await (await ask("signIns.current", cookie)).json()) as {
    readonly result: { readonly data: Current };
  };
  return result.data;
}

interface Current {
  readonly owner: string | null;
  readonly csrf: string;
}

const list: ListRequest = { flow: "transfer", limit: 10, after: null };
const watch: WatchRequest = { protocol: PROTOCOL_VERSION, known: {} };

test("S9: a cookie is worth nothing after its browser signed out, to calls and to streams of every node", async () => {
  const [cookie, other] = [await cookieOf("ada"), await cookieOf("ada")];
  const stream = await ask("sessions.watch", cookie, watch);
  expect(stream.headers.get("content-type")).toMatch(/^text\/event-stream/);
  const elsewhere = await ask("sessions.watch", cookie, watch, otherNode);
  expect((await ask("sessions.list", cookie, list)).status).toBe(200);

  const { csrf } = await current(cookie);
  const signedOut = await post("signIns.signOut", null, { cookie, "sign-in-csrf": csrf });
  expect(signedOut.headers.get("set-cookie")).toMatch(/^sign-in=;.*Max-Age=0/);
  for (const open of [stream, elsewhere]) expect(await open.text()).toContain("UNAUTHORIZED");
  expect((await ask("account", cookie, undefined, otherNode)).status).toBe(401);
  expect(await current(cookie)).toMatchObject({ owner: null, ended: { reason: "signed_out" } });
  expect((await ask("account", cookie)).status).toBe(401);
  expect((await ask("sessions.list", cookie, list)).status).toBe(401);
  expect(await (await ask("sessions.watch", cookie, watch)).text()).toContain("UNAUTHORIZED");
  // The person's other browser is still signed in.
  expect((await ask("account", other)).status).toBe(200);
});

test("what is personal is kept in no cache, and every answer says what a browser may do with it", async () => {
  const cookie = await cookieOf("ada");
  const stream = await ask("sessions.watch", cookie, watch);
  for (const answer of [
    stream,
    await ask("signIns.current", cookie),
    await ask("account", cookie),
    await ask("none", cookie),
  ]) {
    expect(answer.headers.get("cache-control")).toBe("no-store, no-transform");
  }
  await stream.body?.cancel();
  for (const { headers } of [
    await fetch(bank.url),
    await ask("signIns.current", cookie),
    await fetch(bank.url, { method: "PUT" }),
  ]) {
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'self'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("same-origin");
  }
});

test("requests that are none of the pages' are refused: long batches, long bodies, other methods", async () => {
  const many = Array.from({ length: 400 }, () => ({ id: "ada", password: "wrong" }));
  const batch = await post(`${many.map(() => "signIn").join(",")}?batch=1`, Object.assign({}, many));
  expect(batch.status).toBe(400);
  const long = await post("signIn", { id: "ada", password: "x".repeat(300_000) });
  expect(long.status).toBe(413);
  for (const method of ["TRACE", "DELETE", "OPTIONS"]) {
    const [answer] = (await once(request(`${bank.url}/trpc/signIns.current`, { method }).end(), "response")) as [
      { readonly statusCode: number; resume(): void },
    ];
    answer.resume();
    expect(answer.statusCode, method).toBe(405);
  }
});

test("wrong passwords are bounded by person and address, alike for who exists and who does not, and hold up nobody else", async () => {
  const cookie = await cookieOf("ada");
  for (const id of ["ada", "nobody"]) {
    const tries = await Promise.all(Array.from({ length: 12 }, () => signIn(id, "wrong")));
    const refused = tries.filter(({ status }) => status === 429);
    expect(refused, id).toHaveLength(2);
    const looked = tries.filter(({ status }) => status === 200);
    expect(await Promise.all(looked.map((answer) => answer.json()))).toEqual(
      Array.from({ length: 10 }, () => ({ result: { data: false } })),
    );
  }
  const late = await signIn("ada", DEMO_PASSWORD);
  expect(late.status).toBe(429);
  expect(await late.text()).toMatch(/Too many wrong tries\. Try again in 1[45] minutes\./);
  expect(await cookieOf("grace")).toMatch(/^sign-in=[\w.-]+$/);

  // Five of this address's thirty attempts are left, for all people together.
  const others = ["a", "b", "c", "d", "e", "f"];
  const statuses: number[] = [];
  for (const id of others) statuses.push((await signIn(id, "wrong")).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
  expect((await signIn("grace", DEMO_PASSWORD)).status).toBe(429);
  // The password of a person who is signed in counts too.
  expect((await post("prove", { password: DEMO_PASSWORD }, { cookie })).status).toBe(429);
});
