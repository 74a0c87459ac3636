import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { start, submit } from "./testing/bank.ts";
import { freshDatabase } from "./testing/postgres.ts";
import { FetchBrowser } from "./testing/visits/fetch-browser.ts";
import { createPaymentNode, payment } from "./testing/visits/payment-node.ts";

const { url } = await freshDatabase();
let aheadMs = 0;
const now = () => Date.now() + aheadMs;
const createNode = () => createPaymentNode({ url, now, expires: "aal1", rotate: "1d" });
const nodes = [createNode(), createNode()] as const;
beforeAll(() => nodes[0].migrate());
afterAll(() => Promise.all(nodes.map(({ close }) => close())));

test("S17: a sign-in that its owner ends on one node ends its streams on the other within a second, over one bus", async () => {
  const [node, otherNode] = nodes;
  const [phone, laptop] = [new FetchBrowser(), new FetchBrowser()];
  await phone.signIn(node, "ada");
  await laptop.signIn(otherNode, "ada");
  const stream = await laptop.watch(otherNode);
  const buses = await node.pool.query(
    "select 1 from pg_stat_activity where application_name = 'bus' and datname = current_database()",
  );
  expect(buses.rowCount).toBe(2);

  const endedMs = performance.now();
  expect((await phone.call(node, "signIns.revokeOthers", {})).data).toEqual({ ended: 1 });
  expect(await stream.rest()).toContain("UNAUTHORIZED");
  // A second, and what a busy machine adds. Without the notice it takes a third of the lease: 3.3 s.
  expect(performance.now() - endedMs).toBeLessThan(3_000);
  const read = await laptop.call(otherNode, "sessions.read", undefined, { session: uuidv7() });
  expect(read.status).toBe(401);
});

test("a step that asks for a fresh proof takes the same submission after the person has signed in again, on any node", async () => {
  const [node, otherNode] = nodes;
  const browser = new FetchBrowser();
  await browser.signIn(node, "grace");
  const session = uuidv7();
  const pay = submit(session, "pay", { accepted: true });
  await browser.push(node, start(session, payment.name), submit(session, "amount", { cents: 5 }));
  aheadMs += 301_000;
  const refusal = { code: "sign_in_again", step: "pay", freshMs: 300_000 };
  expect(await browser.push(otherNode, pay)).toEqual([{ status: "refused", refusal }]);
  await browser.signIn(node, "grace");
  expect(await browser.push(otherNode, pay)).toEqual([{ status: "accepted", revision: 3, replayed: false }]);
});
