import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, step, type SessionsError } from "@sessions/core";
import { createSessions, serve, type Identity } from "../../index.ts";
import { start, submit, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    amount: step({ input: z.object({ cents: z.int() }) }),
    review: step({ input: z.object({ accepted: z.literal(true) }), dependsOn: ["amount"], confirm: true }),
  },
  fresh: { review: ({ amount }) => (amount && amount.cents > 100_000 ? "5m" : undefined) },
});

const { pool, url } = await freshDatabase();
const otherPool = new Pool({ connectionString: url });
const startMs = Date.parse("2026-03-01T12:00:00Z");
let nowMs = startMs;
let proof: Partial<Identity> = { provedAt: startMs };
let completions = 0;
const faults: SessionsError[] = [];

const makeNode = (database: Pool) =>
  createSessions<{ readonly user: string }>({
    database,
    now: () => nowMs,
    sweeps: false,
    identify: ({ user }) => ({ owner: user, ...proof }),
    onError: (fault) => faults.push(fault),
    flows: [serve(transfer, { complete: () => void (completions += 1) })],
  });
const [node, otherNode] = [makeNode(pool), makeNode(otherPool)];

beforeAll(() => node.migrate());
afterAll(async () => {
  await node.close();
  await otherNode.close();
  await otherPool.end();
});

/** A session of this owner that waits for its review. */
async function atReview(owner: string, cents: number) {
  const session = uuidv7();
  const amount = submit(session, "amount", { cents });
  await new TestClient(node, owner).push(start(session), amount);
  return { session, review: () => submit(session, "review", { accepted: true }, { review: null, amount: amount.id }) };
}

const signInAgain = { status: "refused", refusal: { code: "sign_in_again", step: "review", freshMs: 300_000 } };

test("S2: a confirmation that needs a fresh proof changes nothing, and the same one is accepted once after the proof", async () => {
  const { session, review } = await atReview("ada", 100_001);
  const ada = new TestClient(otherNode, "ada");
  nowMs = startMs + 300_001;
  const command = review();
  const { outcomes, snapshots } = await ada.push(command);
  expect(outcomes).toEqual([signInAgain]);
  expect(snapshots).toMatchObject([{ id: session, revision: 2, status: "active" }]);
  expect((await ada.caller.receipt({ session, command: command.id })).outcome).toBeNull();
  expect(completions).toBe(0);

  proof = { provedAt: nowMs };
  expect(await ada.one(command)).toEqual({ status: "accepted", revision: 3, replayed: false });
  // A repeat of what was accepted needs no proof: it gets its first outcome.
  nowMs += 3_600_000;
  expect(await ada.one(command)).toEqual({ status: "accepted", revision: 3, replayed: true });
  expect(completions).toBe(1);
});

test("a confirmation whose data asks for no proof needs none, and other steps never do", async () => {
  proof = { provedAt: 0 };
  const { review } = await atReview("grace", 100_000);
  expect(await new TestClient(node, "grace").one(review())).toMatchObject({ status: "accepted" });
});

test("a proof that becomes too old while the confirmation waits for its turn is judged by the time of the decision", async () => {
  const { review } = await atReview("joan", 100_001);
  proof = { provedAt: nowMs - 299_999 };
  const joan = new TestClient(node, "joan");
  const before = nowMs;
  const client = await pool.connect();
  await client.query("begin");
  await client.query("select 1 from sessions.session where owner_id = 'joan' for update");
  const deciding = joan.one(review());
  await expect
    .poll(async () => (await otherPool.query("select 1 from pg_stat_activity where wait_event_type = 'Lock'")).rowCount)
    .toBeGreaterThan(0);
  nowMs += 2;
  await client.query("commit");
  client.release();
  expect(await deciding).toEqual(signInAgain);
  nowMs = before;
});

test("what is refused anyway asks for no proof", async () => {
  proof = { provedAt: 0 };
  const { session } = await atReview("mary", 100_001);
  const outdated = submit(session, "review", { accepted: true }, { review: null, amount: uuidv7() });
  expect(await new TestClient(node, "mary").one(outdated)).toMatchObject({ refusal: { code: "conflict" } });
});

test("an application that tells nothing of the proof is told by name, and confirms nothing", async () => {
  const { review } = await atReview("eve", 1);
  proof = {};
  faults.length = 0;
  const eve = new TestClient(node, "eve");
  expect(await eve.one(review())).toEqual({ status: "refused", refusal: { code: "failed" } });
  expect(faults.map(({ message }) => message)).toEqual([
    "context_invalid: Flow transfer: step review asks for a proof, and `identify` returns no `provedAt`. Return it beside `owner`.",
  ]);
});
