import { generateKeyPairSync } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { draft, submit } from "./testing/bank.ts";
import { freshDatabase } from "./testing/postgres.ts";
import { proofOf } from "./testing/visits/bound-browser.ts";
import { FetchBrowser } from "./testing/visits/fetch-browser.ts";
import { handOver, letIn } from "./testing/visits/handed-over.ts";
import { createPaymentNode } from "./testing/visits/payment-node.ts";

const { url } = await freshDatabase();
const options = {
  url,
  now: Date.now,
  handOff: true,
  trustProxy: true,
  data: { cart: { schema: z.string(), per: "owner" as const } },
  deviceBinding: { path: "/device-binding" },
};
/** Hears nothing of the others. */
const deafBus = { open: () => () => Promise.resolve(), publish: () => {} };
const [one, two, three] = [createPaymentNode(options), createPaymentNode(options), createPaymentNode(options)];
const deaf = createPaymentNode({ ...options, bus: deafBus, leaseMs: 900 });
const nodes = [one, two, three, deaf];
beforeAll(() => one.migrate());
afterAll(() => Promise.all(nodes.map(({ close }) => close())));

test("S21: a bot with the address of a request, and with any method, learns and changes nothing", async () => {
  const { phone, given, asked, claim } = await handOver(one, two);
  const bot = new FetchBrowser();
  for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]) {
    for (const procedure of ["look", "approve", "decline", "claim"]) {
      const input = encodeURIComponent(JSON.stringify({ ...given, id: asked.id, signature: "A".repeat(86) }));
      const answer = await bot.send(two, `/signIns.handOff.${procedure}?input=${input}`, undefined, method);
      expect(await answer.text(), `${method} ${procedure}`).not.toContain("result");
    }
  }
  // A POST needs a sign-in, or the key.
  for (const procedure of ["look", "approve", "decline"]) {
    expect((await bot.call(two, `signIns.handOff.${procedure}`, given)).status, procedure).toBe(401);
  }
  const forged = { id: asked.id, signature: "A".repeat(86) };
  expect((await bot.call(two, "signIns.handOff.claim", forged)).data).toEqual({ status: "gone" });
  expect(bot.cookies).toEqual([]);
  expect(await claim()).toMatchObject({ status: "waiting" });
  expect((await phone.call(one, "signIns.handOff.approve", given)).data).toEqual({ status: "approved" });
  expect(await claim()).toMatchObject({ status: "begun" });
});

test("S21: a guest's stream ends within a second on a node that hears nothing of the others", async () => {
  const { phone, computer } = await letIn(one, deaf);
  const stream = await computer.watch(deaf);
  const endedMs = performance.now();
  expect((await phone.call(one, "signIns.revokeOthers", {})).data).toEqual({ ended: 1 });
  expect(await stream.rest()).toContain("UNAUTHORIZED");
  // The lease, and what a busy machine adds.
  expect(performance.now() - endedMs).toBeLessThan(3_000);
  expect(await computer.current(deaf)).toMatchObject({ guest: null });
});

test("S21: a guest is out when the owner's other sign-ins end, and when everybody's do, and no claim brings them back", async () => {
  for (const end of [
    (phone: FetchBrowser) => phone.call(one, "signIns.revokeOthers", {}),
    () => three.signIns.endEverybody(),
  ]) {
    const { phone, computer, claim, session } = await letIn(one, two);
    await end(phone);
    await expect.poll(async () => (await computer.current(two)).guest).toBeNull();
    expect(await computer.push(two, draft(session, "amount", "cents", "5"))).toBeUndefined();
    expect(await claim()).toEqual({ status: "gone" });
  }
});

test("S21: the application's own code keeps no value of the owner for a guest", async () => {
  const { phone, computer } = await letIn(one, two);
  const cart = async (browser: FetchBrowser, node: typeof one, value?: string) =>
    (await browser.send(node, `/cart${value === undefined ? "" : `?value=${value}`}`, {})).text();
  expect(await cart(phone, one, "apples")).toBe("apples");
  expect(await cart(computer, two)).toBe("nothing");
  expect(await cart(computer, two, "pears")).toBe("signed_out");
  expect(await cart(phone, one)).toBe("apples");
});

test("S21: the device of a guest can be bound to its key, and gets no more by it", async () => {
  const { phone, given, signed, session } = await handOver(one, two);
  await phone.call(one, "signIns.handOff.approve", given);
  const computer = new FetchBrowser();
  const claimed = await computer.send(two, "/signIns.handOff.claim", await signed());
  const [, path, challenge] = /path="([^"]+)";challenge="([^"]+)"/.exec(
    claimed.headers.get("secure-session-registration")!,
  )!;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const proof = `"${proofOf(privateKey, { jti: challenge }, { jwk: publicKey.export({ format: "jwk" }) })}"`;
  // Nobody binds a sign-in that is not theirs.
  const stranger = new FetchBrowser();
  const register = (browser: FetchBrowser) =>
    browser.send(two, path!, {}, "POST", { "secure-session-response": proof });
  expect((await register(stranger)).status).toBe(400);
  expect((await register(computer)).status).toBe(200);
  expect(computer.cookies).toContain("__Host-sign-in-bound");
  expect(await computer.current(two)).toMatchObject({ owner: null, guest: { session } });
  const pay = submit(session, "pay", { accepted: true });
  expect(await computer.push(two, submit(session, "amount", { cents: 5 }), pay)).toMatchObject([
    { status: "accepted" },
    { refusal: { code: "guest" } },
  ]);
  expect((await computer.call(two, "signIns.list", undefined, {})).status).toBe(401);
  expect((await computer.call(two, "signIns.revoke", { id: uuidv7() })).status).toBe(401);
});
