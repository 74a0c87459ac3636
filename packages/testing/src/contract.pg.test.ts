import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeEach, expect, test } from "vitest";
import type {} from "../../server/src/testing/global-setup.ts";
import { refusalCodes, type Json, type RefusalCode } from "@sessions/core/internal";
import { cancel, devices, draft, start, START_MS, submit, typedBy } from "../../core/src/testing/commands.ts";
import { freshDatabase } from "../../server/src/testing/postgres.ts";
import { Both } from "./testing/contract/both.ts";
import { memorySubject, postgresSubject } from "./testing/contract/subject.ts";

const { pool } = await freshDatabase();
let nowMs = () => 0;
const real = await postgresSubject(pool, () => nowMs());
afterAll(() => real.close());

const both = new Both((now) => {
  nowMs = now;
  return [real, memorySubject(now)];
});
const [phone, laptop] = devices;

beforeEach(() => {
  both.nowMs = START_MS;
  both.deploy("first");
  both.signIn({ owner: uuidv7(), provedAt: START_MS });
});

const payee = { name: " Grace Hopper " };
const address = { street: "Elm Street 1" };

/** A started order, and commands that fill it in. */
function newOrder() {
  const session = uuidv7();
  const commands = {
    start: start(session, "order", { id: uuidv7() }),
    payee: submitted(session, "payee", payee),
    address: submitted(session, "address", address),
    amount: submitted(session, "amount", { euros: 100 }),
    pin: submitted(session, "pin", { code: "1234" }),
  };
  const seen = { payee: commands.payee.id, amount: commands.amount.id };
  const place = submitted(session, "place", { accepted: true }, seen);
  return { session, ...commands, place, untilPlace: Object.values(commands) };
}

const submitted = (session: string, step: string, input: Json, seen: Record<string, string | null> = {}) =>
  submit(session, step, input, { id: uuidv7(), seen });

/** A draft of a device, typed so many seconds after the start. */
function typed(session: string, step: string, values: Record<string, Json | undefined>, seconds = 0, device = phone) {
  return draft(session, step, typedBy(device, values, START_MS + seconds * 1_000), { id: uuidv7() });
}

test("an order is filled in, placed, and repeated", async () => {
  const { session, untilPlace, place, pin, payee: first } = newOrder();
  const { snapshots } = await both.push(untilPlace);
  expect(snapshots).toMatchObject([{ data: { payee: { name: "Grace Hopper" }, pin: null }, inputs: { payee } }]);
  expect(await both.one(place)).toMatchObject({ status: "accepted" });
  expect(await both.read(session)).toMatchObject({ status: "completed", result: { reference: `R-${session}` } });
  for (const again of [place, pin, first]) {
    expect(await both.one(again)).toMatchObject({ status: "accepted", replayed: true });
    await both.call("receipt", { session, command: again.id });
  }
  await both.call("receipt", { session, command: uuidv7() });
  await both.one({ ...first, input: { name: "Somebody else" } });
  await both.one({ ...first, input: { name: "\0" } });
  await both.one(submitted(session, "address", address));
  await both.one(cancel(session, { id: uuidv7() }));
});

test("every refusal of a command is the same", async () => {
  const { session, start: begin, untilPlace, place, payee: first } = newOrder();
  const wrong: readonly unknown[] = [
    submitted(uuidv7(), "payee", payee),
    start(uuidv7(), "order", { id: uuidv7(), version: 2 }),
    start(uuidv7(), "unknown", { id: uuidv7() }),
    cancel(uuidv7(), { id: uuidv7() }),
    draft(uuidv7(), "payee", {}, { id: uuidv7() }),
    { kind: "cancel" },
    { ...begin, session: "no id" },
    null,
    ["x"],
  ];
  await both.push(wrong);
  await both.push([begin]);
  await both.push([
    start(session, "order", { id: uuidv7() }),
    submitted(session, "payee", { name: " " }),
    submitted(session, "payee", { name: 5 }),
    submitted(session, "payee", "text"),
    submitted(session, "payee", { name: "\0" }),
    submitted(session, "payee", { name: "x".repeat(70_000) }),
    submitted(session, "nothing", {}),
    submitted(session, "amount", { euros: 5 }),
    submitted(session, "place", { accepted: true }),
    submitted(session, "payee", payee, { payee: uuidv7() }),
    { ...first, version: 2 },
    typed(session, "pin", { code: "1" }),
    typed(session, "payee", { title: "Dr" }),
    typed(session, "nothing", { title: "Dr" }),
    typed(session, "payee", { name: "\0" }),
  ]);
  await both.push(untilPlace);
  for (const euros of [13, 14, 15, -1]) {
    await both.one(submitted(session, "amount", { euros }, { amount: untilPlace[3]!.id }));
  }
  both.signIn({ owner: uuidv7(), provedAt: START_MS });
  await both.push([first, place]);
  expect(await both.read(session)).toBeNull();
});

test("a broken path fails the submission alone", async () => {
  const session = uuidv7();
  await both.push([start(session, "broken", { id: uuidv7() })]);
  const drafts = [typed(session, "one", { text: "a" }), typed(session, "one", { text: "b" }, 1)];
  const { outcomes } = await both.push([submitted(session, "one", { text: "x" }), ...drafts]);
  expect(outcomes.map(({ status }) => status)).toEqual(["refused", "accepted", "accepted"]);
});

test("a proof that is too old, or none, is asked for", async () => {
  const { untilPlace, place } = newOrder();
  const owner = uuidv7();
  both.signIn({ owner, provedAt: START_MS });
  await both.push(untilPlace);
  both.nowMs += 3_600_001;
  expect(await both.one(place)).toEqual({
    status: "refused",
    refusal: { code: "sign_in_again", step: "place", freshMs: 3_600_000 },
  });
  both.signIn({ owner, provedAt: both.nowMs });
  expect(await both.one(place)).toMatchObject({ status: "accepted" });
});

test("two devices: a conflict, drafts that merge, and a submission that clears", async () => {
  const { session, untilPlace, payee: first, amount } = newOrder();
  await both.push(untilPlace);
  await both.push([submitted(session, "payee", { name: "Ada" }, { payee: first.id })], laptop);
  expect(await both.one(submitted(session, "payee", { name: "Bob" }, { payee: first.id }))).toMatchObject({
    refusal: { code: "conflict", changed: ["payee"] },
  });
  await both.one(submitted(session, "pin", { code: "4321" }));
  await both.push([typed(session, "address", { street: "A" }, 1), typed(session, "address", { zip: "B" }, 2)]);
  await both.push([typed(session, "address", { street: "C" }, 3, laptop)], laptop);
  await both.push([typed(session, "address", { street: "old" }, 0)]);
  await both.push([typed(session, "address", { zip: undefined }, 9_000)]);
  const unseen = { ...typed(session, "payee", { name: "D" }, 5), seen: { payee: first.id } };
  await both.one(unseen);
  await both.one({ ...unseen, seen: { payee: null } }, laptop);
  await both.push([submitted(session, "amount", { euros: 900 }, { amount: amount.id })]);
  expect(await both.read(session)).toMatchObject({ data: { amount: { euros: 900 } } });
  const origin = submitted(session, "origin", { a: [1, { b: null }] }, { amount: amount.id });
  await both.push([origin]);
  await both.one(cancel(session, { id: uuidv7() }));
});

test("a session is taken to the flow's next version, with its drafts, and an old page is outdated", async () => {
  const [started, drafted] = [newOrder(), newOrder()];
  await both.push(started.untilPlace);
  await both.push([drafted.start, drafted.payee, typed(drafted.session, "amount", { euros: 7 })]);
  both.deploy("next");
  await both.read(started.session);
  await both.push([started.place]);
  await both.push([submitted(drafted.session, "address", address)]);
  await both.push([
    typed(drafted.session, "amount", { euros: 8 }, 5),
    typed(drafted.session, "address", { zip: "1" }, 6),
  ]);
  await both.push([{ ...submitted(drafted.session, "amount", { cents: 13 }), version: 2 }]);
  await both.push([{ ...submitted(drafted.session, "amount", { cents: 700 }), version: 2 }]);
  both.deploy("first");
  expect(await both.one(drafted.address)).toMatchObject({ refusal: { code: "outdated" } });
  await both.call("list", { flow: null, limit: 10, after: null });
});

test("limits count completions and open sessions, within their windows", async () => {
  const cast = async () => {
    const session = uuidv7();
    const commands = [start(session, "vote", { id: uuidv7() }), submitted(session, "choice", { yes: true })];
    both.nowMs += 1_000;
    return both.push(commands);
  };
  both.nowMs = Date.parse("2026-03-31T21:50:00Z");
  await cast();
  expect((await cast()).outcomes[1]).toMatchObject({ refusal: { code: "limit_reached", limit: "completions per 2m" } });
  both.nowMs += 120_000;
  await cast();
  both.nowMs += 120_000;
  expect((await cast()).outcomes[1]).toMatchObject({ refusal: { limit: "completions per month" } });
  both.nowMs = Date.parse("2026-03-31T22:00:00Z");
  await cast();
  await cast();
  expect((await cast()).outcomes[0]).toMatchObject({ refusal: { code: "limit_reached", limit: "open sessions" } });
});

test("a deadline ends a session, at the first look at it", async () => {
  const [first, second, third] = [newOrder(), newOrder(), newOrder()];
  await both.push([first.start, second.start, third.start, first.payee]);
  both.nowMs += 3 * 3_600_000 - 1;
  await both.push([second.payee]);
  both.nowMs += 1;
  expect(await both.one(first.address)).toMatchObject({ refusal: { code: "expired" } });
  await both.call("receipt", { session: first.session, command: first.payee.id });
  await both.call("changes", { protocol: 1, known: { [third.session]: 1 } });
  await both.call("list", { flow: "order", limit: 10, after: null });
  both.nowMs = START_MS + 5 * 3_600_000;
  await both.push([second.address, typed(second.session, "address", { zip: "1" })]);
  await both.read(second.session);
});

test("pages of a list and of changes are the same, at every size", async () => {
  const votes = Array.from({ length: 4 }, () => uuidv7());
  const orders = Array.from({ length: 5 }, newOrder);
  await both.push(orders.flatMap(({ start: begin, payee: first }) => [begin, first]));
  for (const [nth, session] of votes.entries()) {
    both.nowMs += 1_000;
    await both.push([start(session, "vote", { id: uuidv7() })]);
    if (nth < 2) await both.push([cancel(session, { id: uuidv7() })]);
  }
  await both.push([cancel(orders[2]!.session, { id: uuidv7() }), cancel(orders[0]!.session, { id: uuidv7() })]);
  both.nowMs += 3 * 3_600_000 - 3_000;
  await both.push([orders[4]!.address]);
  for (const flow of [null, "vote", "order", "unknown"]) {
    for (const limit of [1, 2, 3, 4, 7, 100]) {
      for (let after: object | null = null, pages = 0; pages < 12; pages += 1) {
        const page: { readonly next: object | null } = await both.query("list", { flow, limit, after });
        after = page.next;
        if (after === null) break;
      }
    }
  }
  const ids = orders.map(({ session }) => session);
  const known = Object.fromEntries([...ids, ...votes].map((id, nth) => [id, nth % 4]));
  for (const after of [undefined, ids[2]!, votes[1]!]) {
    await both.call("changes", { protocol: 1, known: {}, after });
    await both.call("changes", { protocol: 1, known, after });
  }
});

test("requests that are refused as a whole get the same answer", async () => {
  const { session, start: begin } = newOrder();
  const owner = uuidv7();
  both.signIn({ owner, provedAt: START_MS });
  await both.push([begin], phone, 2);
  await both.push(Array.from({ length: 101 }, () => begin));
  await both.push(["x".repeat(1024 * 1024)]);
  await both.call("read", { session: "no id" });
  await both.call("list", { flow: null, limit: 0, after: null });
  await both.call("push", { protocol: 1, device: { id: "no id", name: "" }, commands: [] });
  await both.call("nothing", {});
  await both.call("read", { session, owner });
  await both.call("read", { session, owner: "somebody else" });
  both.signIn(undefined);
  for (const [procedure, input] of Object.entries({
    read: { session },
    list: { flow: null, limit: 1, after: null },
    receipt: { session, command: session },
    changes: { protocol: 1, known: {} },
    push: { protocol: 1, device: phone, commands: [] },
  })) {
    expect((await both.call(procedure, input)).status).toBe(401);
  }
  const stream = await both.watch({ protocol: 1, known: {} });
  await stream.next();
  expect(await stream.next()).toContain("UNAUTHORIZED");
  expect(await stream.next()).toBeUndefined();
});

test("a stream begins with what the client lacks, and tells each change once", async () => {
  const [known, unknown, gone] = [newOrder(), newOrder(), newOrder()];
  await both.push([...known.untilPlace, unknown.start, gone.start, cancel(gone.session, { id: uuidv7() })]);
  const stream = await both.watch({ protocol: 1, known: { [known.session]: 1, [gone.session]: 1 } });
  expect(await stream.next()).toContain("connected");
  expect(await stream.next()).toContain(gone.session);
  await both.push([unknown.payee]);
  expect(await stream.next()).toContain("Grace");
  await both.push([unknown.payee]);
  await both.push([
    typed(unknown.session, "address", { zip: "1" }),
    typed(unknown.session, "address", { zip: "2" }, 1),
  ]);
  expect(await stream.next()).toContain('"zip":{"value":"2"');
  await both.push([known.place]);
  expect(await stream.next()).toContain("completed");
  both.nowMs += 3 * 3_600_000;
  await both.read(unknown.session);
  expect(await stream.next()).toContain("expired");
  await stream.close();
});

test("a stream shows what another page sends, and no other owner's", async () => {
  const { session, start: begin, pin } = newOrder();
  const stream = await both.watch({ protocol: 1, known: {} });
  await stream.next();
  expect(await stream.next()).toContain('"snapshots":[]');
  await both.push([begin], laptop);
  expect(await stream.next()).toContain(session);
  await both.push([pin], laptop);
  both.signIn({ owner: uuidv7(), provedAt: START_MS });
  await both.push([newOrder().start]);
  await stream.close();
});

/** The codes that no push of a page alone can reach, each with the reason. */
const unreached: Partial<Record<RefusalCode, string>> = {
  guest: "The test server has no guests.",
  busy: "Load causes it. A test stages it.",
  blocked: "The client gives it, for an answer of another program.",
  unsettled: "The client gives it, for a step that waits.",
  offline: "The client gives it, without a connection.",
};

test("these scenarios reached every refusal that a server gives", () => {
  const commands = Object.keys(refusalCodes).filter((code) => !both.codes.has(code));
  expect(commands.toSorted()).toEqual(Object.keys(unreached).toSorted());
});
