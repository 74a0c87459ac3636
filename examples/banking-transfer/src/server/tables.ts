import { sql, type Kysely } from "kysely";
import { people } from "../people.ts";
import type { BankTables } from "./ledger.ts";

/** Makes the missing tables of the bank, and the missing accounts of the demonstration. */
export async function migrateBank(db: Kysely<BankTables>, demoPasswordHash: () => Promise<string>): Promise<void> {
  const passwordHash = await demoPasswordHash();
  await db.transaction().execute(async (tx) => {
    // Two servers can start at once. CREATE … IF NOT EXISTS alone does not prevent a race.
    await sql`select pg_advisory_xact_lock(hashtext('bank'))`.execute(tx);
    await sql`create schema if not exists bank`.execute(tx);
    await sql`
      create table if not exists bank.account (
        owner text primary key,
        iban text not null unique,
        balance_cents bigint not null check (balance_cents >= 0),
        password_hash text not null
      )`.execute(tx);
    await sql`
      create table if not exists bank.ledger (
        entry integer generated always as identity primary key,
        session uuid not null unique,
        owner text not null references bank.account,
        recipient text not null,
        iban text not null,
        cents bigint not null check (cents > 0),
        fee_cents bigint not null check (fee_cents >= 0),
        reference text,
        booked_at timestamptz not null
      )`.execute(tx);
    await sql`
      create table if not exists bank.standing_order (
        session uuid primary key,
        owner text not null references bank.account,
        recipient text not null,
        iban text not null,
        cents bigint not null check (cents > 0),
        ordered_ms bigint not null,
        due_ms bigint not null,
        ending text
      )`.execute(tx);
    await sql`
      create table if not exists bank.spending (
        owner text not null,
        month date not null,
        transfers integer not null,
        cents bigint not null,
        primary key (owner, month)
      )`.execute(tx);
    // Earlier versions of the bank kept its sign-ins here.
    await sql`drop table if exists bank.sign_in`.execute(tx);
    // As rate-limiter-flexible needs it. The counts are of minutes, so a crash may lose them.
    await sql`
      create unlogged table if not exists bank.sign_in_try (
        key varchar(255) primary key,
        points integer not null default 0,
        expire bigint
      )`.execute(tx);
    await tx
      .insertInto("bank.account")
      .values(
        people.map(({ id, iban, openingCents }) => ({
          owner: id,
          iban,
          balance_cents: openingCents,
          password_hash: passwordHash,
        })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  });
}
