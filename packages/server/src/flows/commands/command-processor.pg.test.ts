import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { createBank, draft, ledgerOf, start, submit, TestClient } from "../../testing/bank.ts";
import { accepted, twoNodes } from "../../testing/two-nodes.ts";

const { pool, node, otherNode } = await twoNodes();

const text = (value: string) => ({ text: value });

test("S2: a repeated command returns its first outcome, also through another node and after the end", async () => {
  const ada = new TestClient(node, "ada");
  const again = new TestClient(otherNode, "ada");
  const { session, review } = await ada.untilReview();
  expect(await ada.one(review)).toEqual(accepted(4));
  for (const teller of [ada, again]) {
    expect(await teller.one(review)).toEqual({ status: "accepted", revision: 4, replayed: true });
  }
  expect(await ledgerOf(pool, "ada")).toHaveLength(1);
  const { outcome } = await again.caller.receipt({ session, command: review.id });
  expect(outcome).toEqual({ status: "accepted", revision: 4, replayed: true });
  expect((await again.caller.receipt({ session, command: uuidv7() })).outcome).toBeNull();
});

test("S2: the same id with another body is refused and changes nothing", async () => {
  const ada = new TestClient(node, "ada");
  const session = uuidv7();
  const first = submit(session, "left", text("one"));
  await ada.push(start(session, "notes"), first);
  expect(await ada.one({ ...first, input: text("two") })).toEqual({
    status: "refused",
    refusal: { code: "command_mismatch" },
  });
  expect(await ada.read(session)).toMatchObject({ revision: 2, data: { left: text("one") } });
});

test("S2: one command sent fifty times at once through two nodes takes effect once", async () => {
  const tellers = [new TestClient(node, "echo"), new TestClient(otherNode, "echo")] as const;
  const { review, session } = await tellers[0].untilReview();
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => tellers[index % 2]!.one(review)));
  expect(new Set(outcomes.map((outcome) => (outcome.status === "accepted" ? outcome.revision : outcome)))).toEqual(
    new Set([4]),
  );
  expect(outcomes.filter((outcome) => outcome.status === "accepted" && !outcome.replayed)).toHaveLength(1);
  expect(await ledgerOf(pool, "echo")).toEqual([{ session_id: session, owner: "echo" }]);
});

test("S3: two devices, one step: one wins, the other is told a conflict with what stands", async () => {
  const phone = new TestClient(node, "ada");
  const laptop = new TestClient(otherNode, "ada");
  const session = uuidv7();
  await phone.one(start(session, "notes"));
  const [first, second] = await Promise.all([
    phone.one(submit(session, "left", text("phone"))),
    laptop.one(submit(session, "left", text("laptop"))),
  ]);
  const winner = first.status === "accepted" ? "phone" : "laptop";
  const loser = first.status === "accepted" ? second : first;
  expect(loser).toEqual({
    status: "refused",
    refusal: { code: "conflict", step: "left", changed: ["left"], theirs: text(winner) },
  });
  expect(await laptop.read(session)).toMatchObject({ revision: 2, data: { left: text(winner) } });
});

test("S3: a step is refused when one it depends on was changed since it was looked at", async () => {
  const ada = new TestClient(node, "ada");
  const session = uuidv7();
  const left = submit(session, "left", text("one"));
  const changed = submit(session, "left", text("two"), { left: left.id });
  await ada.push(start(session, "notes"), left, changed);
  const outcome = await ada.one(submit(session, "middle", text("x"), { middle: null, left: left.id }));
  expect(outcome).toMatchObject({ refusal: { code: "conflict", step: "middle", changed: ["left"] } });
});

test("S3: concurrent drafts of different fields merge, and revisions have no gaps", async () => {
  const session = uuidv7();
  const tellers = [new TestClient(node, "ada"), new TestClient(otherNode, "ada")];
  await tellers[0]!.one(start(session, "notes"));
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, index) => tellers[index % 2]!.one(draft(session, "right", `field${index}`, index))),
  );
  const revisions = outcomes.map((outcome) => (outcome.status === "accepted" ? outcome.revision : 0));
  expect(revisions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index + 2));
  const snapshot = await tellers[0]!.read(session);
  expect(snapshot?.revision).toBe(41);
  expect(Object.keys(snapshot?.drafts["right"] ?? {})).toHaveLength(40);
});

test.for(Array.from({ length: 10 }, (_, round) => round))(
  "S5: sixty concurrent completions limited to twenty give twenty archived, twenty booked, forty refused (round %i)",
  { timeout: 60_000 },
  async (round) => {
    const owner = `busy-${round}`;
    const tellers = [new TestClient(node, owner), new TestClient(otherNode, owner)] as const;
    const ready = [];
    for (let index = 0; index < 60; index += 1) ready.push(await tellers[0].untilReview());

    const outcomes = await Promise.all(ready.map(({ review }, index) => tellers[index % 2]!.one(review)));
    const refusals = outcomes.flatMap((outcome) => (outcome.status === "refused" ? [outcome.refusal] : []));
    expect(outcomes.filter(({ status }) => status === "accepted")).toHaveLength(20);
    expect(refusals).toHaveLength(40);
    for (const refusal of refusals) {
      expect(refusal).toEqual({
        code: "limit_reached",
        limit: "completions per month",
        atMost: 20,
        resetsAt: expect.stringMatching(/^\d{4}-\d\d-(01|[23]\d)T\d\d:00:00\.000Z$/),
      });
    }
    const { rows } = await pool.query("select status from sessions.session_archive where owner_id = $1", [owner]);
    expect(rows).toEqual(Array.from({ length: 20 }, () => ({ status: "completed" })));
    expect(await ledgerOf(pool, owner)).toHaveLength(20);
    expect((await tellers[0].list()).active).toHaveLength(40);
  },
);

test("S5: when `complete` throws, nothing of the completion stays, and the session goes on", async () => {
  let fail = true;
  const failing = createBank(pool, {
    onComplete: () =>
      fail ? Promise.reject(new Error("The ledger is closed for BE71096123456769")) : Promise.resolve(),
  });
  const ada = new TestClient(failing, "unlucky");
  const { session, review } = await ada.untilReview();
  expect(await ada.one(review)).toEqual({ status: "refused", refusal: { code: "failed" } });
  expect(await ledgerOf(pool, "unlucky")).toEqual([]);
  expect(await ada.read(session)).toMatchObject({ status: "active", revision: 3 });

  fail = false;
  expect(await ada.one(review)).toEqual(accepted(4));
  expect(await ledgerOf(pool, "unlucky")).toHaveLength(1);
});
