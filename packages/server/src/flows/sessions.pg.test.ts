import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { apply, type Command, type Snapshot } from "@sessions/core";
import { loadHistory } from "./rows/history.ts";
import { kyselyOver } from "../postgres/database.ts";
import { chainHash } from "./rows/stored.ts";
import {
  cancel,
  createBank,
  createLedger,
  draft,
  ledgerOf,
  notes,
  start,
  submit,
  Teller,
  transfer,
} from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";

const { pool, url } = await freshDatabase();
const poolOfOther = new Pool({ connectionString: url });
poolOfOther.on("error", () => {});
const node = createBank(pool);
const otherNode = createBank(poolOfOther);
const db = kyselyOver(pool).withSchema("sessions");

beforeAll(async () => {
  await node.migrate();
  await createLedger(pool);
});
afterAll(() => poolOfOther.end());

const text = (value: string) => ({ text: value });
const accepted = (revision: number) => ({ outcome: "accepted", revision, replayed: false });

test("S1: what one device saved is what another reads next, through another node", async () => {
  const phone = new Teller(node, "ada", "Phone");
  const laptop = new Teller(otherNode, "ada", "Laptop");
  const session = uuidv7();
  await phone.push(start(session), submit(session, "recipient", { name: "Grace", iban: "BE71096123456769" }));
  await phone.push(draft(session, "amount", "cents", "12,"));

  const seen = await laptop.read(session);
  expect(seen).toMatchObject({
    revision: 3,
    status: "active",
    data: { recipient: { name: "Grace" } },
    drafts: { amount: { cents: { value: "12," } } },
    device: { name: "Phone" },
  });

  await laptop.push(submit(session, "amount", { cents: 12_300 }));
  expect(await phone.read(session)).toMatchObject({
    revision: 4,
    data: { amount: { cents: 12_300 } },
    outputs: { amount: { feeCents: 25 } },
    drafts: {},
    device: { name: "Laptop" },
  });
});

test("S2: a repeated command returns its first outcome, also through another node and after the end", async () => {
  const ada = new Teller(node, "ada");
  const again = new Teller(otherNode, "ada");
  const { session, review } = await ada.untilReview();
  expect(await ada.one(review)).toEqual(accepted(4));
  for (const teller of [ada, again]) {
    expect(await teller.one(review)).toEqual({ outcome: "accepted", revision: 4, replayed: true });
  }
  expect(await ledgerOf(pool, "ada")).toHaveLength(1);
  const { outcome } = await again.caller.receipt({ session, command: review.id });
  expect(outcome).toEqual({ outcome: "accepted", revision: 4, replayed: true });
  expect((await again.caller.receipt({ session, command: uuidv7() })).outcome).toBeNull();
});

test("S2: the same id with another body is refused and changes nothing", async () => {
  const ada = new Teller(node, "ada");
  const session = uuidv7();
  const first = submit(session, "left", text("one"));
  await ada.push(start(session, "notes"), first);
  expect(await ada.one({ ...first, input: text("two") })).toEqual({
    outcome: "refused",
    refusal: { code: "command_mismatch" },
  });
  expect(await ada.read(session)).toMatchObject({ revision: 2, data: { left: text("one") } });
});

test("S2: one command sent fifty times at once through two nodes takes effect once", async () => {
  const tellers = [new Teller(node, "echo"), new Teller(otherNode, "echo")] as const;
  const { review, session } = await tellers[0].untilReview();
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => tellers[index % 2]!.one(review)));
  expect(new Set(outcomes.map((outcome) => (outcome.outcome === "accepted" ? outcome.revision : outcome)))).toEqual(
    new Set([4]),
  );
  expect(outcomes.filter((outcome) => outcome.outcome === "accepted" && !outcome.replayed)).toHaveLength(1);
  expect(await ledgerOf(pool, "echo")).toEqual([{ session_id: session, owner: "echo" }]);
});

test("S3: two devices, one step: one wins, the other is told a conflict with what stands", async () => {
  const phone = new Teller(node, "ada");
  const laptop = new Teller(otherNode, "ada");
  const session = uuidv7();
  await phone.one(start(session, "notes"));
  const [first, second] = await Promise.all([
    phone.one(submit(session, "left", text("phone"))),
    laptop.one(submit(session, "left", text("laptop"))),
  ]);
  const winner = first.outcome === "accepted" ? "phone" : "laptop";
  const loser = first.outcome === "accepted" ? second : first;
  expect(loser).toEqual({
    outcome: "refused",
    refusal: { code: "conflict", step: "left", changed: ["left"], theirs: text(winner) },
  });
  expect(await laptop.read(session)).toMatchObject({ revision: 2, data: { left: text(winner) } });
});

test("S3: a step is refused when one it depends on was changed since it was looked at", async () => {
  const ada = new Teller(node, "ada");
  const session = uuidv7();
  const left = submit(session, "left", text("one"));
  const changed = submit(session, "left", text("two"), { left: left.id });
  await ada.push(start(session, "notes"), left, changed);
  const outcome = await ada.one(submit(session, "middle", text("x"), { middle: null, left: left.id }));
  expect(outcome).toMatchObject({ refusal: { code: "conflict", step: "middle", changed: ["left"] } });
});

test("S3: concurrent drafts of different fields merge, and revisions have no gaps", async () => {
  const session = uuidv7();
  const tellers = [new Teller(node, "ada"), new Teller(otherNode, "ada")];
  await tellers[0]!.one(start(session, "notes"));
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, index) => tellers[index % 2]!.one(draft(session, "right", `field${index}`, index))),
  );
  const revisions = outcomes.map((outcome) => (outcome.outcome === "accepted" ? outcome.revision : 0));
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
    const tellers = [new Teller(node, owner), new Teller(otherNode, owner)] as const;
    const ready = [];
    for (let index = 0; index < 60; index += 1) ready.push(await tellers[0].untilReview());

    const outcomes = await Promise.all(ready.map(({ review }, index) => tellers[index % 2]!.one(review)));
    const refusals = outcomes.flatMap((outcome) => (outcome.outcome === "refused" ? [outcome.refusal] : []));
    expect(outcomes.filter(({ outcome }) => outcome === "accepted")).toHaveLength(20);
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
  const ada = new Teller(failing, "unlucky");
  const { session, review } = await ada.untilReview();
  expect(await ada.one(review)).toEqual({ outcome: "refused", refusal: { code: "failed" } });
  expect(await ledgerOf(pool, "unlucky")).toEqual([]);
  expect(await ada.read(session)).toMatchObject({ status: "active", revision: 3 });

  fail = false;
  expect(await ada.one(review)).toEqual(accepted(4));
  expect(await ledgerOf(pool, "unlucky")).toHaveLength(1);
});

test("a step handler refuses with a reason, and its failure is told without what was typed", async () => {
  const ada = new Teller(node, "ada");
  const session = uuidv7();
  const recipient = submit(session, "recipient", { name: "Grace", iban: "BE71096123456769" });
  await ada.push(start(session), recipient);
  const rejected = await ada.one(submit(session, "amount", { cents: 5_000_001 }));
  expect(rejected).toEqual({
    outcome: "refused",
    refusal: { code: "rejected", step: "amount", reason: "Above the daily ceiling." },
  });
  const failed = await ada.one(submit(session, "amount", { cents: 66_600 }));
  expect(failed).toEqual({ outcome: "refused", refusal: { code: "failed" } });
  expect(await ada.read(session)).toMatchObject({ revision: 2, outputs: {} });
});

test("S6: an ended session takes nothing more and stays readable", async () => {
  const ada = new Teller(node, "ada");
  const { session, review } = await ada.untilReview();
  await ada.one(review);
  const ended = await ada.read(session);
  expect(ended).toMatchObject({ status: "completed", result: { reference: `R-${session}` }, drafts: {} });

  const late: Command[] = [
    submit(session, "amount", { cents: 1 }),
    draft(session, "amount", "cents", 1),
    cancel(session),
  ];
  for (const command of late) {
    expect(await ada.one(command)).toEqual({ outcome: "refused", refusal: { code: "ended", status: "completed" } });
  }
  expect(await ada.one(start(session))).toEqual({ outcome: "refused", refusal: { code: "command_mismatch" } });
  expect(await ada.read(session)).toEqual(ended);
});

test("S6: what a session holds comes back in the order in which it was given, also from the archive", async () => {
  const ada = new Teller(node, "ordered");
  const session = uuidv7();
  const typed = { zebra: 1, "a long name": { z: [{ y: 1, x: 2 }], a: null, long: "b" }, ox: 2, b: 4 };
  const left = submit(session, "left", text("one"));
  const middle = submit(session, "middle", text("two"), { left: left.id });
  await ada.push(start(session, "notes"), left, middle, submit(session, "right", typed));
  const active = await ada.read(session);
  expect(JSON.stringify(active!.data["right"])).toBe(JSON.stringify(typed));
  await ada.one(submit(session, "end", {}));
  const ended = await new Teller(otherNode, "ordered").read(session);
  expect(ended!.status).toBe("completed");
  expect(JSON.stringify(ended!.data["right"])).toBe(JSON.stringify(typed));
  expect(Object.keys(ended!)).toEqual(Object.keys(active!));
});

test("S6: a cancelled session moves to the archive", async () => {
  const ada = new Teller(node, "quitter");
  const { session } = await ada.untilReview();
  expect(await ada.one(cancel(session))).toEqual(accepted(4));
  const { active, ended } = await ada.list();
  expect(active).toEqual([]);
  expect(ended).toMatchObject([{ id: session, status: "cancelled", data: { amount: { cents: 12_300 } } }]);
});

test("S7: a deadline holds at the millisecond it names, before any sweep", async () => {
  let nowMs = Date.UTC(2026, 4, 30, 12);
  const clock = createBank(pool, { now: () => nowMs });
  const ada = new Teller(clock, "late");
  const session = uuidv7();
  await ada.one(start(session, "notes"));
  nowMs += 72 * 3_600_000 - 1;
  expect(await ada.read(session)).toMatchObject({ status: "active" });
  nowMs += 1;
  const endedAt = new Date(nowMs).toISOString();
  const expired = await ada.read(session);
  expect(expired).toMatchObject({ status: "expired", revision: 2, endedAt });
  expect(await ada.one(submit(session, "left", text("too late")))).toEqual({
    outcome: "refused",
    refusal: { code: "expired", at: endedAt },
  });
  expect((await ada.list()).active).toEqual([]);
  expect((await ada.list()).ended).toEqual([expired]);
  expect(await ada.read(session)).toEqual(expired);
});

test("S9: another owner's session answers in every procedure as one that does not exist", async () => {
  const ada = new Teller(node, "ada");
  const eve = new Teller(node, "eve");
  const open = await ada.untilReview();
  const done = await ada.untilReview();
  await ada.one(done.review);
  const before = await ada.read(open.session);

  for (const { session, review } of [open, done]) {
    const nowhere = uuidv7();
    const asks = (id: string): Command[] => [
      { ...review, session: id },
      submit(id, "amount", { cents: 5 }),
      draft(id, "amount", "cents", 5),
      cancel(id),
    ];
    const [theirs, none] = await Promise.all([eve.push(...asks(session)), eve.push(...asks(nowhere))]);
    expect(theirs.outcomes).toEqual(none.outcomes);
    expect(theirs.snapshots).toEqual([]);
    expect(await eve.read(session)).toEqual(await eve.read(nowhere));
    const receipts = await Promise.all(
      [session, nowhere].map((id) => eve.caller.receipt({ session: id, command: review.id })),
    );
    expect(receipts[0]!.outcome).toEqual(receipts[1]!.outcome);
    const watch = await eve.caller.watch({ protocol: 1, known: { [session]: 0 } });
    for await (const event of watch as AsyncIterable<{ snapshots: Snapshot[] }>) {
      expect(event.snapshots).toEqual([]);
      break;
    }
  }
  expect(await eve.list()).toMatchObject({ active: [], ended: [] });

  // The id is free to Eve: what she starts under it is hers alone.
  expect(await eve.one(start(open.session, "notes"))).toEqual(accepted(1));
  expect(await ada.read(open.session)).toEqual(before);
});

test("S15: the history is gap-free and hash-chained, holds no drafts, and replays to the snapshot", async () => {
  const ada = new Teller(node, "ada");
  const { session, review } = await ada.untilReview();
  await ada.one(draft(session, "recipient", "name", "never submitted"));
  await ada.one(review);
  const final = (await ada.read(session))!;

  const history = await loadHistory(db, "ada", session);
  expect(history.map(({ entry }) => entry)).toEqual([1, 2, 3, 4]);
  expect(JSON.stringify(history)).not.toContain("never submitted");
  let hash: Uint8Array | null = null;
  let replayed: Snapshot | null = null;
  for (const entry of history) {
    hash = chainHash(hash, entry.text);
    expect(Buffer.from(entry.hash).equals(hash)).toBe(true);
    const { command, at, device, change, output, result } = entry.body;
    replayed = apply(transfer, replayed, change, { nowMs: Date.parse(at), device, command: command!, session });
    replayed = { ...replayed, revision: entry.body.revision, result };
    if (change.kind === "submit" && output !== null) {
      replayed = { ...replayed, outputs: { ...replayed.outputs, [change.step]: output } };
    }
  }
  expect(replayed).toEqual(final);
});

test("S9: a request that names another owner than the one who is signed in is refused, in every procedure", async () => {
  const { caller, device } = new Teller(node, "grace");
  const session = uuidv7();
  const asked = { owner: "ada", session };
  const requests = [
    caller.push({ owner: "ada", protocol: 1, device, commands: [start(session, "notes")] }),
    caller.read(asked),
    caller.list({ owner: "ada", flow: null, limit: 10, after: null }),
    caller.receipt({ ...asked, command: uuidv7() }),
    caller.watch({ owner: "ada", protocol: 1, known: {} }),
  ];
  for (const request of requests) await expect(request).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  expect(await new Teller(node, "grace").read(session)).toBeNull();
  expect((await caller.read({ owner: "grace", session })).session).toBeNull();
});

test("nobody signed in is told to sign in", async () => {
  const nobody = new Teller(node, undefined);
  await expect(nobody.list()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
});

test("ended sessions are listed newest first, a page at a time, each once", async () => {
  const ada = new Teller(node, "archivist");
  const ids: string[] = [];
  for (let index = 0; index < 7; index += 1) {
    const session = uuidv7();
    await ada.push(start(session, notes.name), cancel(session));
    ids.unshift(session);
  }
  const found: string[] = [];
  let after = null;
  do {
    const page: Awaited<ReturnType<typeof ada.caller.list>> = await ada.caller.list({ flow: "notes", limit: 3, after });
    found.push(...page.ended.map(({ id }) => id));
    after = page.next;
  } while (after !== null);
  expect(found).toEqual(ids);
});
