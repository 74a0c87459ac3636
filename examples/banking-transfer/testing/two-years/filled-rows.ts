import { sql, type Kysely } from "kysely";
import { insertEvents, type EventRow } from "../../../../packages/server/src/activity/rows/events.ts";
import type { ActivityTables } from "../../../../packages/server/src/activity/rows/tables.ts";
import { addRefusals, type RefusalCount } from "../../../../packages/server/src/flows/rows/refusals.ts";
import { historyValues } from "../../../../packages/server/src/flows/rows/history/history.ts";
import { sessionValues } from "../../../../packages/server/src/flows/rows/row.ts";
import type { Tables } from "../../../../packages/server/src/flows/rows/tables.ts";
import { keylessCipher } from "../../../../packages/server/src/secrets/owner-cipher.ts";
import { changedCount, loadCount } from "../../../../packages/server/src/secrets/rows/session-counts.ts";
import { countValues } from "../../../../packages/server/src/postgres/owner.ts";
import { bytes, json, recordset, time, timeOf } from "../../../../packages/server/src/postgres/values.ts";
import { bucketOf } from "../../../../packages/server/src/sign-in/rows/live.ts";
import { liveValues, sharedValues } from "../../../../packages/server/src/sign-in/rows/row.ts";
import type { SignInTables } from "../../../../packages/server/src/sign-in/rows/tables.ts";
import { transfer } from "../../src/flow.ts";
import type { BankTables } from "../../src/server/ledger.ts";
import type { Customer } from "./customers.ts";
import type { SignInLife } from "./sign-in-life.ts";
import type { TransferLife } from "./transfer-life.ts";

/** The schema of the sessions' tables: the default. */
export const SCHEMA = "sessions";
/** How many rows one statement writes. */
const ROWS = 250;
/** More than the customers ever send, in cents. */
const OPENING_CENTS = 1_000_000_000_00;

export type AllTables = Tables & SignInTables & ActivityTables & BankTables;

/** Whether the two years are in the database already. */
export async function isFilled(db: Kysely<BankTables>, customers: readonly Customer[]): Promise<boolean> {
  const owners = customers.map(({ owner }) => owner);
  return (
    (await db.selectFrom("bank.account").select("owner").where("owner", "in", owners).executeTakeFirst()) !== undefined
  );
}

/** The number that the bank gave last to an entry of its ledger. Until the transaction ends, it gives no other. */
export async function lockLedger(tx: Kysely<AllTables>): Promise<number> {
  await sql`lock table bank.ledger in exclusive mode`.execute(tx);
  const { rows } = await sql<{ last: number }>`
    select coalesce(pg_sequence_last_value(pg_get_serial_sequence('bank.ledger', 'entry')::regclass), 0)::integer as last`.execute(
    tx,
  );
  return rows[0]!.last;
}

export async function insertCustomers(tx: Kysely<AllTables>, customers: readonly Customer[]): Promise<void> {
  const own = tx.withSchema(SCHEMA);
  await inParts(customers, async (part) => {
    const accounts = part.map(({ owner }) => ({
      owner,
      iban: `SEED-${owner}`,
      balance_cents: OPENING_CENTS,
      // Nobody can sign in with a password here.
      password_hash: "none",
    }));
    await tx.insertInto("bank.account").values(accounts).execute();
    const owners = part.map(({ owner, sinceMs }) => ({
      owner_id: owner,
      created_at: timeOf(sinceMs),
      adopted_by: null,
    }));
    await own
      .insertInto("owner")
      .values(owners)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  });
}

/** Writes transfers with their histories, their payments and their devices. */
export async function insertTransfers(tx: Kysely<AllTables>, lives: readonly TransferLife[]): Promise<void> {
  const own = tx.withSchema(SCHEMA);
  const [open, ended] = [true, false].map((isOpen) =>
    lives.filter(({ stored }) => (stored.snapshot.status === "active") === isOpen),
  ) as [TransferLife[], TransferLife[]];
  await inParts(open, (part) => {
    const rows = part.map(({ owner, stored }) => {
      const { expiresAt } = stored.snapshot;
      const bucket = timeOf(bucketOf(Date.parse(expiresAt)));
      return { ...sessionValues(owner, stored, keylessCipher), expires_at: time(expiresAt), expires_bucket: bucket };
    });
    return own.insertInto("session").values(rows).execute();
  });
  await inParts(ended, (part) => {
    const rows = part.map(({ owner, stored }) => {
      const { status, endedAt } = stored.snapshot;
      if (status === "active" || endedAt === null) throw new Error("It has ended.");
      return { ...sessionValues(owner, stored, keylessCipher), status, ended_at: time(endedAt) };
    });
    return own.insertInto("session_archive").values(rows).execute();
  });
  const entries = lives.flatMap(({ owner, entries: all }) => all.map((entry) => ({ owner, entry })));
  await inParts(entries, (part) => {
    const rows = part.map(({ owner, entry }) => historyValues(owner, entry));
    return own.insertInto("session_event").values(rows).execute();
  });
  await countBegun(own, lives);
  await insertPayments(tx, lives);
}

/** Counts the transfers in the rows of their owners, as their starts would have done. */
async function countBegun(own: Kysely<AllTables>, lives: readonly TransferLife[]): Promise<void> {
  for (const [owner, begun] of Map.groupBy(lives, (life) => life.owner)) {
    const sessions = begun.map(({ stored: { snapshot } }) => ({ id: snapshot.id, at: snapshot.startedAt }));
    const count = changedCount(keylessCipher, owner, await loadCount(own, owner), sessions, 1);
    await own.updateTable("owner").set(countValues(count)).where("owner_id", "=", owner).execute();
  }
}

/** Books the payments under the numbers that their references have. */
async function insertPayments(tx: Kysely<AllTables>, lives: readonly TransferLife[]): Promise<void> {
  const payments = lives.flatMap(({ payment }) => (payment === null ? [] : [payment]));
  const columns = `entry integer, session uuid, owner text, recipient text, iban text, cents bigint, "feeCents" bigint, "atMs" bigint`;
  await sql`
    insert into bank.ledger (entry, session, owner, recipient, iban, cents, fee_cents, booked_at) overriding system value
    select entry, session, owner, recipient, iban, cents, "feeCents", to_timestamp("atMs" / 1000.0)
    from ${recordset(payments, columns)}`.execute(tx);
  await sql`
    select setval(pg_get_serial_sequence('bank.ledger', 'entry')::regclass, max(entry)) from bank.ledger
    having max(entry) is not null`.execute(tx);
  await sql`
    update bank.account set balance_cents = balance_cents - sent
    from (
      select ledger.owner, sum(cents + fee_cents) as sent from bank.ledger
      join ${recordset(payments, "session uuid")} using (session) group by ledger.owner
    ) as booked
    where booked.owner = account.owner`.execute(tx);
}

export async function insertDevices(tx: Kysely<AllTables>, lives: readonly TransferLife[]): Promise<void> {
  const seen = new Map<string, { owner_id: string; id: string; name: string; firstMs: number; lastMs: number }>();
  for (const { owner, uses } of lives) {
    for (const { atMs, device } of uses) {
      const known = seen.get(device.id) ?? { owner_id: owner, ...device, firstMs: atMs, lastMs: atMs };
      seen.set(device.id, { ...known, lastMs: Math.max(known.lastMs, atMs) });
    }
  }
  await inParts([...seen.values()], (part) => {
    const rows = part.map(({ firstMs, lastMs, ...device }) => ({
      ...device,
      first_seen_at: timeOf(firstMs),
      last_seen_at: timeOf(lastMs),
    }));
    return tx.withSchema(SCHEMA).insertInto("device").values(rows).execute();
  });
}

export async function insertRefusals(tx: Kysely<AllTables>, lives: readonly TransferLife[]): Promise<void> {
  const counts = new Map<string, RefusalCount>();
  for (const { atMs, step, code } of lives.flatMap(({ refused }) => refused)) {
    const month = new Date(atMs).toISOString().slice(0, 7);
    const key = `${month} ${step} ${code}`;
    const n = (counts.get(key)?.n ?? 0) + 1;
    counts.set(key, { flow: transfer.name, version: transfer.version, month, step, code, n });
  }
  await addRefusals(tx, SCHEMA, [...counts.values()]);
}

export async function insertSignIns(tx: Kysely<AllTables>, lives: readonly SignInLife[]): Promise<void> {
  const own = tx.withSchema(SCHEMA);
  await inParts(
    lives.filter(({ ended }) => ended === null),
    (part) => {
      const rows = part.map(({ signIn }) => ({
        ...sharedValues(signIn),
        ...liveValues(signIn),
        sweep_bucket: timeOf(bucketOf(signIn.endsMs)),
      }));
      return own.insertInto("sign_in").values(rows).execute();
    },
  );
  await inParts(lives, (part) => {
    const rows = part.flatMap(({ signIn, ended }) =>
      ended === null ? [] : [{ ...sharedValues(signIn), ended_at: timeOf(ended.atMs), ending: ended.ending }],
    );
    return rows.length === 0 ? Promise.resolve() : own.insertInto("sign_in_archive").values(rows).execute();
  });
  const entries = lives.flatMap(({ signIn: { owner }, entries: all }) => all.map((entry) => ({ owner, ...entry })));
  await inParts(entries, (part) => {
    const rows = part.map(({ owner, number, hash, body, text }) => ({
      owner_id: owner,
      sign_in_id: body.signIn,
      entry: number,
      at: time(body.at),
      invalidates: sql<boolean>`false`,
      body: json(text),
      hash: bytes(hash),
    }));
    return own.insertInto("sign_in_event").values(rows).execute();
  });
}

/** Writes events of activities. */
export async function insertActivity(tx: Kysely<AllTables>, events: readonly EventRow[]): Promise<void> {
  await inParts(events, (part) => insertEvents(tx, SCHEMA, part));
}

async function inParts<Row>(rows: readonly Row[], write: (part: readonly Row[]) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS) await write(rows.slice(from, from + ROWS));
}
