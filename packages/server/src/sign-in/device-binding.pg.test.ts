import { afterAll, beforeAll, expect, test } from "vitest";
import { Pool } from "pg";
import { signIn, testKeeper } from "../testing/sign-ins.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { BoundBrowser } from "../testing/visits/bound-browser.ts";
import { send } from "../testing/visits/browser.ts";
import { hosts } from "../testing/visits/hosts.ts";
import { createSignIns } from "./create-sign-ins.ts";
import { challengeOf } from "./token/device-binding.ts";

const { pool, url } = await freshDatabase();
const poolOfOther = new Pool({ connectionString: url });
let nowMs = Date.now();
const clocks = { now: () => nowMs, elapsedMs: () => nowMs };
const [node, other] = [testKeeper(pool, clocks), testKeeper(poolOfOther, clocks)];
const signIns = createSignIns({
  database: pool,
  sweeps: false,
  now: () => nowMs,
  deviceBinding: { path: "/device-binding" },
});

beforeAll(() => signIns.migrate());
afterAll(async () => {
  for (const each of [node, other, signIns]) await each.close();
  await poolOfOther.end();
});

test.for(Object.keys(hosts))("in a %s host, a browser binds its sign-in and refreshes it", async (name) => {
  const host = await hosts[name]!(signIns);
  const sendTo = async (request: Request): Promise<Response> => {
    const { pathname, host: site } = new URL(request.url);
    const headers = { ...Object.fromEntries(request.headers), host: site };
    const body = request.method === "POST" && pathname === "/sign-in" ? await request.json() : undefined;
    const answered = await send(`${host.url}${pathname}`, { method: request.method, headers, body });
    const answer = new Headers();
    for (const [header, value] of Object.entries(answered.headers)) {
      for (const each of [value].flat()) if (each !== undefined) answer.append(header, each);
    }
    return new Response(answered.body, { status: answered.status, headers: answer });
  };
  const browser = new BoundBrowser({ send: sendTo, now: () => nowMs });
  const owner = `ada on ${name}`;
  const body = JSON.stringify({ owner, factors: ["password"] });
  await browser.fetch("/sign-in", { method: "POST", body, headers: { "content-type": "application/json" } });
  expect(browser.session).not.toBeNull();
  nowMs += 600_000;
  const { cookie } = browser;
  expect(await (await browser.fetch("/me")).json()).toMatchObject({ owner });
  expect(browser.own.map((request) => request.split(" ")[1])).toEqual(["200", "200"]);
  const copied = new Request("https://bank.example/me", { headers: { cookie } });
  expect(await (await sendTo(copied)).json()).toMatchObject({ owner: null });
  expect((await signIns.history(owner)).rows.map(({ kind }) => kind)).toEqual(["bound", "signed_in"]);
  await host.stop();
});

test("a sign-in is bound once, whatever node is asked, and each node learns it", async () => {
  const { signIn: begun, token } = await signIn(node, "grace");
  const liveOn = async (each: typeof node) => {
    const checked = await each.check(token);
    return checked.kind === "live" ? checked.signIn : null;
  };
  expect((await liveOn(other))!.binding).toBeNull();
  const keys = [Buffer.alloc(64, 1), Buffer.alloc(64, 2)].map((key) => key.toString("base64url")) as [string, string];
  const bound = await Promise.all([node, other, node].map((each, index) => each.bindDevice(begun, keys[index % 2]!)));
  const binding = bound.find((each) => each !== null)!;
  for (const each of bound) expect(each === null || each.key === binding.key).toBe(true);
  expect(await other.bindDevice(begun, binding.key)).toEqual(binding);
  expect(
    await other.bindDevice(
      begun,
      keys.find((key) => key !== binding.key)!,
    ),
  ).toBeNull();
  nowMs += 10_000;
  expect((await liveOn(other))!.binding).toEqual(binding);
  expect((await node.history("grace")).rows.filter(({ kind }) => kind === "bound")).toHaveLength(1);
});

test("refreshes at once on two nodes are all accepted, and take one number", async () => {
  const { signIn: begun } = await signIn(node, "alan");
  const binding = (await node.bindDevice(begun, Buffer.alloc(64, 1).toString("base64url")))!;
  const challenge = challengeOf(binding, begun.publicId, nowMs);
  const nodes = [node, other, node, other, node];
  const renewed = await Promise.all(nodes.map((each) => each.renewDevice(begun, challenge)));
  expect(renewed).toEqual(nodes.map(() => ({ kind: "proved", binding: { ...binding, number: 2 } })));
  expect(await other.renewDevice(begun, null)).toEqual({ kind: "unproved", binding: { ...binding, number: 2 } });
  await node.end("alan", begun.publicId, "revoked");
  expect(await other.renewDevice(begun, challenge)).toEqual({ kind: "unbound" });
  expect(await other.bindDevice(begun, binding.key)).toBeNull();
});
