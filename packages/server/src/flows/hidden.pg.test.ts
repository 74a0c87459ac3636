import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { cancel, draft, start, submit, TestClient } from "../testing/bank.ts";
import { sessionsWith } from "../testing/cli.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { generateKey } from "../secrets/key-ring.ts";
import {
  charge,
  hidingNode,
  TOKEN,
  tokenOf,
  tokensInTables,
  untilPlace,
  type Handed,
} from "../testing/secrets/hiding.ts";
import { watching } from "../testing/watcher.ts";

const { pool, url } = await freshDatabase();
const key = generateKey();
const handed: Handed[] = [];
const [reports, notices]: [string[], unknown[]] = [[], []];
const node = hidingNode(pool, key, {
  handed,
  onError: (error) => reports.push(`${error.stack} ${JSON.stringify(error)}`),
  bus: { open: () => () => Promise.resolve(), publish: (notice) => void notices.push(notice) },
});
await node.migrate();
/** It has nothing in memory. */
const other = hidingNode(pool, key, { handed, cacheBytes: 0 });

const handedTo = (session: string, handler: string) =>
  handed.filter((each) => each.session === session && each.handler === handler).map(({ hidden }) => hidden);
const card = (session: string, number: string, before: string | null = null) =>
  submit(session, "card", { number }, { card: before });

test("S23: later handlers and `complete` get what a handler hid, on every node, and nothing that leaves the server has it", async () => {
  const ada = new TestClient(node, "ada", "Phone");
  const laptop = new TestClient(other, "ada", "Laptop");
  const watcher = await watching(node, "ada");
  const replies: unknown[] = [];
  const { session, card: first, place } = await untilPlace(ada, "1234 5678");
  replies.push(await ada.push(first, { ...first, input: { number: "x" } }, draft(session, "card", "number", "5")));
  replies.push(await ada.read(session), await ada.list(), await ada.caller.receipt({ session, command: first.id }));
  replies.push(await ada.caller.changes({ protocol: 1, known: {} }));
  const desk = node.as("ada", { name: "Desk" });
  replies.push(await desk.read(charge, session), await desk.list(charge));
  replies.push(await laptop.push(place), await laptop.read(session), await ada.list());
  await watcher.reach(6);
  await watcher.stop();

  expect(handedTo(session, "card")).toEqual([{}]);
  expect(handedTo(session, "check")).toEqual([{ card: { token: tokenOf("1234 5678") } }]);
  expect(handedTo(session, "complete")).toEqual([
    { card: { token: tokenOf("1234 5678") }, check: { proof: tokenOf("1234 5678") } },
  ]);
  const told = JSON.stringify([replies, watcher.seen, notices]);
  expect(told).toContain('"status":"completed"');
  expect(told).toContain('"last":"5678"');
  expect(told).not.toContain(TOKEN);
  expect(told).not.toContain('"hidden"');
  expect(await tokensInTables(pool)).toBe(false);
});

test("S23: an earlier step that is submitted again takes what it hid, and what cleared steps hid, with it", async () => {
  const bea = new TestClient(node, "bea");
  const { session, card: first, check } = await untilPlace(bea, "1111 2222");
  const again = card(session, "3333 4444", first.id);
  expect(await bea.one(again)).toMatchObject({ status: "accepted" });
  expect(handedTo(session, "card")).toEqual([{}, {}]);
  const checkAgain = { ...submit(session, "check", { code: "2" }, { check: null, card: again.id }) };
  expect(await bea.one(checkAgain)).toMatchObject({ status: "accepted" });
  // This number needs no check: what the check hid is not of this session any more.
  const short = card(session, "9", again.id);
  await bea.one(short);
  await bea.one(submit(session, "place", {}, { place: null, card: short.id }));
  expect(handedTo(session, "check")).toEqual(
    ["1111 2222", "3333 4444"].map((number) => ({ card: { token: tokenOf(number) } })),
  );
  expect(handedTo(session, "complete")).toEqual([{ card: { token: tokenOf("9") } }]);
  expect(await bea.one(check)).toMatchObject({ status: "accepted", replayed: true });
  expect((await sessionsWith({ databaseUrl: url, keys: key }, "verify")).code).toBe(0);
});

test("S23: a step without a handler, a draft and a lost race keep what was hidden", async () => {
  const cy = new TestClient(node, "cy");
  const laptop = new TestClient(other, "cy");
  const { session, note, place } = await untilPlace(cy);
  const drafts = ["a", "b"].map((text) => draft(session, "note", "text", text));
  await Promise.all([cy.push(...drafts), laptop.one(draft(session, "note", "text", "c", Date.now() + 9))]);
  await laptop.one(submit(session, "note", { text: "d" }, { note: note.id }));
  expect(await cy.one(place)).toMatchObject({ status: "accepted" });
  expect(handedTo(session, "complete").at(-1)).toEqual({ card: { token: tokenOf("1234") } });
});

test("S21, S23: a guest fills in a step whose handler hides something, and is told nothing of it", async () => {
  const session = uuidv7();
  const gil = new TestClient(node, "gil");
  await gil.one(start(session, "charge"));
  const kiosk = hidingNode(pool, key, { handed, identify: () => ({ owner: "gil", guest: { session } }) });
  const guest = new TestClient(kiosk, "gil", "Kiosk");
  const filled = card(session, "1234 5678");
  const replies: unknown[] = [await guest.push(filled), await guest.read(session), await guest.list()];
  replies.push(await guest.caller.receipt({ session, command: filled.id }));
  replies.push(await guest.caller.changes({ protocol: 1, known: {} }));
  replies.push(await guest.push(submit(session, "check", { code: "1" }, { check: null, card: filled.id })));
  expect(handedTo(session, "check")).toEqual([{ card: { token: tokenOf("1234 5678") } }]);
  expect(JSON.stringify(replies)).toContain('"last":"5678"');
  expect(JSON.stringify(replies)).not.toContain(TOKEN);
});

test("S23: a handler that refuses, throws, or hides what its schema does not allow changes nothing, and no message has the value", async () => {
  const dan = new TestClient(node, "dan");
  const session = uuidv7();
  await dan.one(start(session, "charge"));
  reports.length = 0;
  const outcomes = [];
  for (const number of ["refused", "throws", "invalid", "forgets"]) outcomes.push(await dan.one(card(session, number)));
  expect(outcomes.map((outcome) => outcome.status === "refused" && outcome.refusal.code)).toEqual([
    "rejected",
    "failed",
    "failed",
    "failed",
  ]);
  expect(reports).toHaveLength(3);
  expect(reports[1]).toContain(
    "output_invalid: Flow charge, the handler of step card returned at hidden.token something",
  );
  expect(reports[2]).toContain("output_invalid: Flow charge, the handler of step card returned at hidden something");
  expect(JSON.stringify([outcomes, reports])).not.toContain(TOKEN);
  expect((await dan.read(session))!.revision).toBe(1);
  expect(await dan.one(card(session, "1234"))).toMatchObject({ status: "accepted", revision: 2 });
});

test("S23: a session that is cancelled or expires keeps what was hidden sealed, for nobody", async () => {
  let nowMs = Date.now() - 40 * 24 * 3_600_000;
  const slow = hidingNode(pool, key, { now: () => nowMs });
  const eve = new TestClient(slow, "eve");
  const [cancelled, expired] = [await untilPlace(eve), await untilPlace(eve)];
  await eve.one(cancel(cancelled.session));
  nowMs = Date.now();
  await slow.sweep();
  expect(await eve.read(expired.session)).toMatchObject({ status: "expired" });
  const ended = (await eve.list()).ended.map(({ endedAt }) => endedAt!.slice(0, "2026-11".length));
  const cli = (...words: string[]) => sessionsWith({ databaseUrl: url, keys: key }, ...words);
  const printed = [await cli("verify"), await cli("export", "--owner", "eve")];
  for (const month of ended) printed.push(await cli("export", month));
  const records: unknown[] = [];
  for await (const record of slow.as("eve", { name: "Privacy desk" }).export()) records.push(record);
  expect(printed.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect(JSON.stringify([printed, records])).toContain(charge.name);
  expect(JSON.stringify([printed, records])).not.toContain(TOKEN);
  expect(await tokensInTables(pool)).toBe(false);
});
