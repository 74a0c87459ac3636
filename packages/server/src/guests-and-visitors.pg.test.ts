import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { draft, start, submit } from "./testing/bank.ts";
import { freshDatabase } from "./testing/postgres.ts";
import { requestingBrowser } from "./testing/visits/requesting-browser.ts";
import { FetchBrowser } from "./testing/visits/fetch-browser.ts";
import { createPaymentNode } from "./testing/visits/payment-node.ts";

const { url } = await freshDatabase();
const node = createPaymentNode({
  url,
  now: Date.now,
  handOff: true,
  visitors: true,
  data: { cart: { schema: z.string(), per: "owner" } },
});
beforeAll(() => node.migrate());
afterAll(() => node.close());

const read = async (browser: FetchBrowser, session: string) =>
  (await browser.call(node, "sessions.read", undefined, { session })).data?.["session"];

/** A browser on which somebody who is not signed in has begun a payment. */
async function stranger() {
  const [browser, session] = [new FetchBrowser(), uuidv7()];
  await browser.send(node, "/cart?value=tea", {});
  expect(await browser.push(node, start(session, "payment"))).toMatchObject([{ status: "accepted" }]);
  return { browser, session };
}

/** Lets a computer in as a guest of a session of the phone's owner. */
async function handOver(phone: FetchBrowser, session: string, computer: FetchBrowser): Promise<void> {
  const key = await requestingBrowser();
  type Asked = { readonly id: string; readonly code: string; readonly challenge: string; readonly number: number };
  const { data: asked } = await computer.call<Asked>(node, "signIns.handOff.ask", { publicKey: key.publicKey });
  const { id, code, number, challenge } = asked;
  await phone.call(node, "signIns.handOff.approve", { code, number, session, flow: "payment" });
  const claim = { id, signature: await key.sign(challenge) };
  expect((await computer.call(node, "signIns.handOff.claim", claim)).data).toMatchObject({ status: "begun", session });
  await computer.current(node);
}

test("S20: S21: a session that its owner began as a visitor is handed to a guest, who sees no other one", async () => {
  const { browser: phone, session } = await stranger();
  const other = uuidv7();
  await phone.push(node, start(other, "payment"));
  await phone.signIn(node, "ada");
  expect(phone.cookies).toEqual(["__Host-sign-in"]);
  const computer = new FetchBrowser();
  await handOver(phone, session, computer);
  expect(await computer.push(node, submit(session, "amount", { cents: 5 }))).toMatchObject([{ status: "accepted" }]);
  expect(await read(computer, session)).toMatchObject({ data: { amount: { cents: 5 } } });
  expect(await read(computer, other)).toBeNull();
  expect(await read(phone, session)).toMatchObject({ data: { amount: { cents: 5 } } });
});

test("S20: S21: what a stranger began at a computer stays theirs while it is a guest, and is theirs after the sign-in", async () => {
  const { browser: computer, session: own } = await stranger();
  const [phone, handed] = [new FetchBrowser(), uuidv7()];
  await phone.signIn(node, "bob");
  await phone.push(node, start(handed, "payment"));
  await handOver(phone, handed, computer);

  expect(await read(computer, own)).toBeNull();
  expect(await computer.push(node, draft(own, "amount", "cents", "5"))).not.toMatchObject([{ status: "accepted" }]);
  expect((await computer.call(node, "signIns.adopt", {})).status).toBe(401);
  expect(await read(phone, own)).toBeNull();
  // The guest leaves, and the stranger is there again.
  expect((await computer.call(node, "signIns.signOut", {})).status).toBe(200);
  expect(await read(computer, own)).toMatchObject({ id: own });
  expect(await read(computer, handed)).toBeNull();

  await handOver(phone, handed, computer);
  await computer.signIn(node, "cy");
  expect(await read(computer, own)).toMatchObject({ id: own });
  expect(await read(computer, handed)).toBeNull();
  expect(await (await computer.send(node, "/cart")).text()).toBe("tea");
});
