import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { refusalCodes, type RefusalCode } from "@sessions/core/internal";
import { cancel, devices, draft, start, START_MS } from "../../core/src/testing/commands.ts";
import { HIDDEN } from "./testing/contract/flows.ts";
import { openBoth } from "./testing/contract/open-both.ts";
import { address, newOrder, payee, submitted, typed } from "./testing/contract/orders.ts";

const both = await openBoth();
const [phone, laptop] = devices;

test("an order is filled in, placed, and repeated", async () => {
  const { session, untilPlace, place, pin, payee: first } = newOrder();
  const { snapshots } = await both.push(untilPlace);
  expect(snapshots).toMatchObject([{ data: { payee: { name: "Grace Hopper" }, pin: null }, inputs: { payee } }]);
  expect(await both.one(place)).toMatchObject({ status: "accepted" });
  expect(await both.read(session)).toMatchObject({ status: "completed", result: { reference: `R-${session}-100-18` } });
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

test("S23: what handlers hide reaches later handlers, goes with a submission that is replaced, and is in no answer", async () => {
  const { session, untilPlace, payee: first, amount } = newOrder();
  const answers: unknown[] = [];
  const stream = await both.watch({ protocol: 1, known: {} });
  answers.push(await stream.next(), await both.push(untilPlace), await stream.next());
  const changed = submitted(session, "amount", { euros: 7_000 }, { amount: amount.id });
  answers.push(await both.push([changed, amount, submitted(session, "origin", { a: 1 }, { amount: changed.id })]));
  answers.push(await both.push([submitted(session, "amount", { euros: 16 }, { amount: changed.id })]));
  const place = submitted(session, "place", { accepted: true }, { payee: first.id, amount: changed.id });
  answers.push(await both.push([place]), await both.read(session));
  answers.push(await both.call("list", { flow: null, limit: 10, after: null }));
  answers.push(await both.call("receipt", { session, command: changed.id }));
  answers.push(await both.call("changes", { protocol: 1, known: {} }));
  await stream.close();
  // The pin was submitted after the first amount, and saw what that one hid.
  expect(await both.read(session)).toMatchObject({ result: { reference: `R-${session}-7000-18` } });
  expect(JSON.stringify(answers)).toContain("completed");
  expect(JSON.stringify(answers)).not.toContain(HIDDEN);
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
  for (const euros of [13, 14, 15, 16, -1]) {
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

test("a guest fills in the session that was handed over, and sees nothing else of the owner", async () => {
  const [handed, own, pin] = [newOrder(), newOrder(), uuidv7()];
  const owner = uuidv7();
  both.signIn({ owner, provedAt: START_MS });
  await both.push([handed.start, handed.payee, own.start]);
  both.signIn({ owner, provedAt: START_MS, guest: { session: handed.session } });
  const { outcomes, snapshots } = await both.push([
    handed.address,
    typed(handed.session, "amount", { euros: 1 }),
    handed.amount,
    { ...handed.pin, id: pin },
    submitted(handed.session, "place", { accepted: true }, { payee: handed.payee.id, amount: handed.amount.id }),
    cancel(handed.session, { id: uuidv7() }),
    start(handed.session, "order", { id: uuidv7() }),
    start(uuidv7(), "order", { id: uuidv7() }),
    own.payee,
    cancel(own.session, { id: uuidv7() }),
    null,
  ]);
  expect(outcomes.map((outcome) => (outcome.status === "refused" ? outcome.refusal.code : "accepted"))).toEqual([
    "accepted",
    "accepted",
    "accepted",
    "accepted",
    "guest",
    "guest",
    "command_mismatch",
    "guest",
    "not_found",
    "not_found",
    "malformed",
  ]);
  expect(snapshots.map(({ id }) => id)).toEqual([handed.session]);
  for (const session of [handed.session, own.session]) {
    await both.read(session);
    for (const command of [pin, own.start.id]) await both.call("receipt", { session, command });
  }
  for (const flow of [null, "order", "vote"]) {
    await both.call("list", { flow, limit: 1, after: null });
    await both.call("list", { flow, limit: 1, after: { endedAt: null, id: handed.session } });
  }
  for (const known of [{}, { [handed.session]: 1 }, { [handed.session]: 9 }, { [own.session]: 1 }]) {
    await both.call("changes", { protocol: 1, known });
    await both.call("changes", { protocol: 1, known, after: handed.session });
  }
  const stream = await both.watch({ protocol: 1, known: { [handed.session]: 1, [own.session]: 0 } });
  await stream.next();
  expect(await stream.next()).toContain(handed.session);
  both.signIn({ owner, provedAt: START_MS });
  await both.push([own.payee]);
  await both.push([cancel(handed.session, { id: uuidv7() })]);
  expect(await stream.next()).toContain("cancelled");
  await stream.close();
  both.signIn({ owner, provedAt: START_MS, guest: { session: handed.session } });
  await both.call("list", { flow: null, limit: 5, after: null });
  await both.call("changes", { protocol: 1, known: {} });
});

/** The codes that no push of a page alone can reach, each with the reason. */
const unreached: Partial<Record<RefusalCode, string>> = {
  busy: "Load causes it. A test stages it.",
  blocked: "The client gives it, for an answer of another program.",
  unsettled: "The client gives it, for a step that waits.",
  offline: "The client gives it, without a connection.",
};

test("these scenarios reached every refusal that a server gives", () => {
  const commands = Object.keys(refusalCodes).filter((code) => !both.codes.has(code));
  expect(commands.toSorted()).toEqual(Object.keys(unreached).toSorted());
});
