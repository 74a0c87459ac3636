import { sql, type Kysely } from "kysely";
import { people } from "../people.ts";
import type { BankTables } from "./ledger.ts";

/** Makes the bank's own tables and opens the demonstration's accounts, where they are missing. */
export async function migrateBank(db: Kysely<BankTables>, demoPasswordHash: () => Promise<string>): Promise<void> {
  const passwordHash = await demoPasswordHash();
  await db.transaction().execute(async (tx) => {
    // Two servers that start at once would race: CREATE … IF NOT EXISTS alone does not prevent that.
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
