import { sql, type Transaction } from "kysely";
import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import type { Command } from "@sessions/core/internal";
import { createKysely } from "../../postgres/database.ts";
import type { Tables } from "../../flows/rows/tables.ts";
import { createBank, createLedger, draft, start, submit, TestClient, type LedgerRow } from "../bank.ts";
import { freshDatabase } from "../postgres.ts";
import type { Answered } from "./caller.ts";
import { breaches } from "./checker.ts";

const { pool } = await freshDatabase();
const db = createKysely<Tables>(pool).withSchema("sessions");
const log: Answered[] = [];
const note = uuidv7();
let transfer = "";
const atMost = 3;

beforeAll(async () => {
  const node = createBank(pool);
  await node.migrate();
  await createLedger(pool);
  const teller = new TestClient(node, "ada");
  const ask = async (...commands: Command[]) => {
    const { outcomes } = await teller.push(...commands);
    log.push(...commands.map((command, index) => ({ owner: "ada", command, outcome: outcomes[index]! })));
  };
  for (let index = 0; index < atMost; index += 1) {
    transfer = uuidv7();
    const recipient = submit(transfer, "recipient", { name: "Grace", iban: "BE71096123456769" });
    const amount = submit(transfer, "amount", { cents: 100 });
    const seen = { review: null, recipient: recipient.id, amount: amount.id };
    await ask(start(transfer), recipient, amount, submit(transfer, "review", { accepted: true }, seen));
  }
  await ask(start(note, "notes"), submit(note, "left", { text: "l" }), draft(note, "right", "kept", 1));
  await ask(submit(note, "middle", { text: "refused, for left was not seen" }));
});

class RolledBack extends Error {}

/** The checker's findings after a test puts a fault into the database or into the log. */
async function breachesAfter(plant: (tx: Transaction<Tables>) => Promise<unknown>, told: readonly Answered[] = log) {
  let found: readonly string[] = [];
  const work = db.transaction().execute(async (tx) => {
    await plant(tx);
    const ledger = await sql<LedgerRow>`select session_id, owner from ledger`.execute(tx);
    found = await breaches({ db: tx, ledger: ledger.rows, log: told, atMost });
    throw new RolledBack();
  });
  await work.catch((error: unknown) => {
    if (!(error instanceof RolledBack)) throw error;
  });
  return found.join("\n");
}

test("the checker finds nothing where nothing is wrong", async () => {
  expect(log.some(({ outcome }) => outcome.status === "refused")).toBe(true);
  expect(await breachesAfter(() => Promise.resolve())).toBe("");
});

test("the checker catches a lost command, though the session is whole without it", async () => {
  const found = await breachesAfter(async (tx) => {
    await sql`delete from sessions.session_event where session_id = ${note} and entry = 2`.execute(tx);
    await sql`
      update sessions.session set entry = 1, revision = 2, receipts = substr(receipts, 1, length(receipts) - 36),
        hash = (select hash from sessions.session_event where session_id = ${note} and entry = 1)
      where id = ${note}`.execute(tx);
  });
  expect(found).not.toMatch(/hash|entry/);
  expect(found).toMatch(/is in the history 0 times/);
});

test("the checker catches a lost session and a lost draft", async () => {
  const lose = (tx: Transaction<Tables>) => sql`delete from sessions.session where id = ${note}`.execute(tx);
  expect(await breachesAfter(lose)).toMatch(/is lost/);
  const forget = (tx: Transaction<Tables>) =>
    sql`update sessions.session set state = jsonb_set(state::jsonb, '{drafts}', '{}') where id = ${note}`.execute(tx);
  expect(await breachesAfter(forget)).toMatch(/draft .* is lost/);
});

test("the checker catches a command that took effect twice, in the history or in the ledger", async () => {
  const repeat = (tx: Transaction<Tables>) =>
    sql`insert into sessions.session_event select owner_id, session_id, 3, 4, at, body, content, sealed, hash
      from sessions.session_event where session_id = ${note} and entry = 2`.execute(tx);
  expect(await breachesAfter(repeat)).toMatch(/is in the history 2 times/);
  const book = (tx: Transaction<Tables>) =>
    sql`insert into ledger select ${uuidv7()}, owner, cents, reference from ledger limit 1`.execute(tx);
  expect(await breachesAfter(book)).toMatch(/3 completions, 4 in the ledger/);
});

test("the checker catches a gap in the revisions or in the history", async () => {
  const skip = (tx: Transaction<Tables>) => sql`update sessions.session set revision = revision + 1`.execute(tx);
  expect(await breachesAfter(skip)).toMatch(/has 4 revisions of 3 commands/);
  const tear = (tx: Transaction<Tables>) =>
    sql`delete from sessions.session_event where session_id = ${transfer} and entry = 2`.execute(tx);
  expect(await breachesAfter(tear)).toMatch(/lacks entry 2/);
});

test("the checker catches more completions than the limit allows", async () => {
  const found = await breachesAfter(async (tx) => {
    const id = uuidv7();
    await sql`insert into sessions.session_archive
      (owner_id, id, flow, version, revision, status, state, receipts, entry, hash, ended_at)
      select owner_id, ${id}, flow, version, revision, status, state, receipts, entry, hash, ended_at
      from sessions.session_archive where id = ${transfer}`.execute(tx);
    await sql`insert into ledger select ${id}, owner, cents, reference from ledger limit 1`.execute(tx);
  });
  expect(found).toMatch(/4 completions, above the limit of 3/);
});

test("the checker catches an answer that was not true", async () => {
  const nothing = () => Promise.resolve();
  const lied = log.map((each) => (each.outcome.status === "refused" ? { ...each, outcome: log[1]!.outcome } : each));
  expect(await breachesAfter(nothing, lied)).toMatch(/is in the history 0 times/);
  const denied = log.filter(({ command }) => command.id !== log[1]!.command.id);
  expect(await breachesAfter(nothing, denied)).toMatch(/was accepted for nobody/);
});
