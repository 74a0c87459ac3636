import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createSignIns } from "./sign-in/index.ts";
import { cancel, draft, start, submit } from "./testing/bank.ts";
import { freshDatabase } from "./testing/postgres.ts";
import { requestingBrowser } from "./testing/visits/requesting-browser.ts";
import { FetchBrowser } from "./testing/visits/fetch-browser.ts";
import { handOver, letIn } from "./testing/visits/handed-over.ts";
import { createPaymentNode } from "./testing/visits/payment-node.ts";

const { url } = await freshDatabase();
let aheadMs = 0;
const now = () => Date.now() + aheadMs;
const createNode = () =>
  createPaymentNode({
    url,
    now,
    handOff: true,
    seal: { keys: [Buffer.alloc(32, 7).toString("base64url")], trustMs: 1_000 },
    data: { cart: { schema: z.string(), per: "owner" } },
    trustProxy: true,
  });

const nodes = [createNode(), createNode()] as const;
beforeAll(() => nodes[0].migrate());
afterAll(() => Promise.all(nodes.map(({ close }) => close())));

const handedOver = () => handOver(...nodes);
const asGuest = () => letIn(...nodes);

test("S21: a guest's visit is nobody's for the host, and says whose session it may fill in", async () => {
  const { computer, computerNode, owner, session } = await asGuest();
  for (const node of nodes) {
    const own = await (await computer.send(node, "/own")).json();
    expect(own).toMatchObject({ owner: null, signIn: null, guest: session });
    const current = await computer.current(node);
    expect(current).toMatchObject({ owner: null, signIn: null, guest: { owner, session } });
  }
  // The sealed copy says it too.
  expect(computer.cookies.toSorted()).toEqual(["__Host-sign-in", "__Host-sign-in-seal"]);
  expect(await (await computer.send(computerNode, "/own")).json()).toMatchObject({ owner: null, guest: session });
});

test("S21: a guest fills in over HTTP, is told to confirm elsewhere, and reads nothing else of the owner", async () => {
  const { phone, phoneNode, computer, computerNode, session } = await asGuest();
  const amount = submit(session, "amount", { cents: 5 });
  const other = start(uuidv7(), "payment");
  await phone.push(phoneNode, other);
  const pay = submit(session, "pay", { accepted: true });
  expect(
    await computer.push(computerNode, draft(session, "amount", "cents", "5"), amount, pay, cancel(session)),
  ).toMatchObject([
    { status: "accepted" },
    { status: "accepted" },
    { refusal: { code: "guest" } },
    { refusal: { code: "guest" } },
  ]);
  const read = (id: string) => computer.call(computerNode, "sessions.read", undefined, { session: id });
  expect((await read(session)).data["session"]).toMatchObject({ data: { amount: { cents: 5 } } });
  expect((await read(other.session)).data["session"]).toBeNull();
  expect(await phone.push(phoneNode, pay)).toMatchObject([{ status: "accepted" }]);
});

test("S21: every procedure of the sign-ins' router is refused to a guest, except to ask who they are, to hear of their end, and to leave", async () => {
  const { computer, computerNode, phone, phoneNode, owner, given, asked } = await asGuest();
  const { data: mine } = await phone.call<{ signIn: { id: string } }>(phoneNode, "signIns.current");
  const place = { session: given.session, flow: "payment" };
  const status = async (procedure: string, body?: object, input?: object) =>
    (await computer.call(computerNode, `signIns.${procedure}`, body, input)).status;
  const refused: Readonly<Record<string, () => Promise<number>>> = {
    list: () => status("list", undefined, {}),
    revoke: () => status("revoke", { id: mine.signIn.id }),
    revokeOthers: () => status("revokeOthers", {}),
    adopt: () => status("adopt", {}),
    "data.get": () => status("data.get", undefined, { key: "cart" }),
    "data.set": () => status("data.set", { key: "cart", base: 0, change: uuidv7(), value: "x" }),
    "handOff.offer": () => status("handOff.offer", place),
    "handOff.find": () => status("handOff.find", { letters: "CDFGHJKM" }),
    "handOff.look": () => status("handOff.look", { code: asked.code }),
    "handOff.approve": () => status("handOff.approve", given),
    "handOff.decline": () => status("handOff.decline", { code: asked.code }),
  };
  for (const [procedure, call] of Object.entries(refused)) expect(await call(), procedure).toBe(401);
  const { data } = await phone.call<{ signIns: readonly { guestSession: string | null }[] }>(
    phoneNode,
    "signIns.list",
    undefined,
    {},
  );
  expect(data.signIns.map(({ guestSession }) => guestSession)).toEqual([given.session, null]);

  const all = Object.keys(signInProcedures());
  // They tell the guest of its own end alone.
  const others = ["current", "watch", "signOut", "handOff.ask", "handOff.claim"];
  expect(all.toSorted()).toEqual([...Object.keys(refused), ...others].toSorted());
  expect(await status("signOut", {})).toBe(200);
  expect(await computer.current(computerNode)).toMatchObject({ owner: null, guest: null });
  expect((await phone.current(phoneNode)).owner).toBe(owner);
});

function signInProcedures(): object {
  const { router } = createSignIns({ database: nodes[0].pool, sweeps: false, handOff: true });
  return router._def.procedures;
}

test("S17: S21: one press on the phone ends the guest's stream on another node within a second", async () => {
  const { phone, phoneNode, computer, computerNode } = await asGuest();
  const stream = await computer.watch(computerNode);
  const { data } = await phone.call<{ signIns: readonly { id: string; guestSession: string | null }[] }>(
    phoneNode,
    "signIns.list",
    undefined,
    {},
  );
  const guest = data.signIns.find(({ guestSession }) => guestSession !== null)!;
  const endedMs = performance.now();
  expect((await phone.call(phoneNode, "signIns.revoke", { id: guest.id })).data).toEqual({ ended: true });
  expect(await stream.rest()).toContain("UNAUTHORIZED");
  // A second, and what a busy machine adds. Without the notice it takes a third of the lease: 3.3 s.
  expect(performance.now() - endedMs).toBeLessThan(3_000);
  expect(await computer.current(computerNode)).toMatchObject({ guest: null, ended: { reason: "revoked" } });
  expect((await phone.current(phoneNode)).owner).not.toBeNull();
});

test("S21: when the session has ended, the guest is told its end, and then is no guest any more", async () => {
  const { phone, phoneNode, computer, computerNode, session } = await asGuest();
  const stream = await computer.watch(computerNode);
  const endedMs = performance.now();
  await phone.push(phoneNode, cancel(session));
  const text = await stream.rest();
  expect(text).toContain("cancelled");
  expect(text).toContain("UNAUTHORIZED");
  // A second, and what a busy machine adds. Without the notice it takes a third of the lease: 3.3 s.
  expect(performance.now() - endedMs).toBeLessThan(3_000);
  expect(await computer.current(computerNode)).toMatchObject({ guest: null, ended: { reason: "session_ended" } });
});

test("S21: a preview of the address, or of any procedure, by GET or HEAD changes nothing", async () => {
  const { phone, phoneNode, asked, given, claim } = await handedOver();
  const bot = new FetchBrowser();
  for (const procedure of ["look", "approve", "decline", "claim", "ask", "offer", "find"]) {
    const input = encodeURIComponent(
      JSON.stringify({ ...given, id: asked.id, signature: "A".repeat(86), letters: "CDFGHJKM" }),
    );
    for (const method of ["GET", "HEAD"]) {
      for (const visitor of [bot, phone]) {
        const path = `/signIns.handOff.${procedure}?input=${input}`;
        // tRPC answers HEAD without running anything.
        const { status } = await visitor.send(phoneNode, path, undefined, method);
        expect(status, procedure).toBe(method === "GET" ? 405 : 204);
      }
    }
  }
  expect(await claim()).toMatchObject({ status: "waiting" });
  expect((await phone.call(phoneNode, "signIns.handOff.look", { code: asked.code })).data).toMatchObject({
    status: "asked",
    numbers: expect.arrayContaining([asked.number]) as unknown,
  });
  expect((await phone.call(phoneNode, "signIns.handOff.approve", given)).data).toEqual({ status: "approved" });
});

test("S21: another profile that was sent the picture gets nothing: neither by the code, nor by the whole request", async () => {
  const { phone, phoneNode, computer, computerNode, asked, given, claim } = await handedOver();
  const [relay, relayKey] = [new FetchBrowser(), await requestingBrowser()];
  await phone.call(phoneNode, "signIns.handOff.approve", given);
  const signature = await relayKey.sign(asked.challenge);
  expect((await relay.call(computerNode, "signIns.handOff.claim", { id: asked.id, signature })).data).toEqual({
    status: "gone",
  });
  expect(relay.cookies).toEqual([]);
  // Nobody knows now whom the owner saw.
  expect(await claim()).toEqual({ status: "gone" });
  expect(computer.cookies).toEqual([]);
});

test("S21: an owner whose proof is old is asked to prove who they are, and a change without the page's value is refused", async () => {
  const { phone, phoneNode, asked, given, owner } = await handedOver();
  aheadMs += 900_001;
  const again = { status: "sign_in_again", freshMs: 900_000 };
  expect((await phone.call(phoneNode, "signIns.handOff.look", { code: asked.code })).data).toEqual(again);
  expect((await phone.call(phoneNode, "signIns.handOff.approve", given)).data).toEqual(again);
  await phone.signIn(phoneNode, owner);
  phone.csrf = "";
  expect((await phone.call(phoneNode, "signIns.handOff.approve", given)).status).toBe(403);
});

test("a browser in which somebody is signed in does not ask: it types letters, and is not signed out by a claim", async () => {
  const { phone, phoneNode, computerNode, session, asked, owner } = await handedOver();
  const key = await requestingBrowser();
  const ask = { publicKey: key.publicKey };
  expect((await phone.call(phoneNode, "signIns.handOff.ask", ask)).data).toEqual({ status: "signed_in" });
  const signature = await key.sign(asked.challenge);
  expect((await phone.call(phoneNode, "signIns.handOff.claim", { id: asked.id, signature })).data).toEqual({
    status: "gone",
  });

  const place = { session, flow: "payment", step: "amount" };
  const { data } = await phone.call<{ letters: string }>(phoneNode, "signIns.handOff.offer", place);
  const [laptop, stranger] = [new FetchBrowser(), new FetchBrowser()];
  await laptop.signIn(computerNode, owner);
  await stranger.signIn(computerNode, uuidv7());
  const found = async (by: FetchBrowser) =>
    (await by.call(computerNode, "signIns.handOff.find", { letters: data.letters })).data;
  expect(await found(laptop)).toEqual({ status: "found", ...place });
  expect(await found(stranger)).toEqual({ status: "none" });
});

test("an application without hand-offs has none", async () => {
  const signIns = createSignIns({ database: nodes[0].pool, sweeps: false });
  const request = new Request("https://bank.example/", { method: "POST", headers: { origin: "https://bank.example" } });
  await signIns.fetch(request, async (visit) => {
    const caller = signIns.router.createCaller({ visit });
    const { publicKey } = await requestingBrowser();
    await expect(caller.handOff.ask({ publicKey })).rejects.toMatchObject({ code: "NOT_FOUND" });
    return new Response();
  });
  await signIns.close();
});
