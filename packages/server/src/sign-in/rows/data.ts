import { sql, type Kysely } from "kysely";
import { json, timeOf } from "../../postgres/values.ts";
import type { SignInTables } from "./tables.ts";

/** The table of values that are kept for owners and for sign-ins. A value that was removed leaves its version. */

/** In the place of a sign-in: the value is the owner's. No sign-in has this id. */
export const OF_OWNER = "00000000-0000-0000-0000-000000000000";

/** In the place of a sign-in: the value is a visitor's, and the first sign-in of the owner who adopts them gets it. */
export const OF_VISITOR = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** Where a value is. */
export interface DataPlace {
  readonly owner: string;
  /** The public id of the sign-in whose value it is, or {@link OF_VISITOR}; null for a value of the owner. */
  readonly signIn: string | null;
  readonly key: string;
}

/** A value as it is stored. */
export interface StoredDatum {
  /** Raised by one with each change. 0: nothing was ever stored. */
  readonly version: number;
  /** The value as JSON; null if there is none. */
  readonly text: string | null;
  /** The id of the change that made this version; null for version 0. */
  readonly change: string | null;
}

export const NO_DATUM: StoredDatum = { version: 0, text: null, change: null };

export async function loadDatum(db: Kysely<SignInTables>, { owner, signIn, key }: DataPlace): Promise<StoredDatum> {
  const row = await db
    .selectFrom("visit_data")
    .select([
      sql<string>`version::text`.as("number"),
      sql<string | null>`value::text`.as("json"),
      sql<string>`change_id::text`.as("change"),
    ])
    .where("owner_id", "=", owner)
    .where("sign_in_id", "=", signIn ?? OF_OWNER)
    .where("key", "=", key)
    .executeTakeFirst();
  return row ? { version: Number(row.number), text: row.json, change: row.change } : NO_DATUM;
}

interface DatumVersion {
  readonly base: number;
  readonly text: string | null;
  readonly change: string;
  readonly atMs: number;
  /** Null if it does not expire. */
  readonly expiresMs: number | null;
}

/** Writes the version after `base`. False if another change came first. */
export async function writeDatum(
  db: Kysely<SignInTables>,
  { owner, signIn, key }: DataPlace,
  { base, text, change, atMs, expiresMs }: DatumVersion,
): Promise<boolean> {
  const made = {
    version: base + 1,
    value: text === null ? null : json(text),
    change_id: change,
    changed_at: timeOf(atMs),
    expires_at: expiresMs === null ? null : timeOf(expiresMs),
  };
  const rows =
    base === 0
      ? await db
          .insertInto("visit_data")
          .values({ owner_id: owner, sign_in_id: signIn ?? OF_OWNER, key, ...made })
          .onConflict((conflict) => conflict.columns(["owner_id", "sign_in_id", "key"]).doNothing())
          .returning("version")
          .execute()
      : await db
          .updateTable("visit_data")
          .set(made)
          .where("owner_id", "=", owner)
          .where("sign_in_id", "=", signIn ?? OF_OWNER)
          .where("key", "=", key)
          .where("version", "=", base)
          .returning("version")
          .execute();
  return rows.length === 1;
}

/** Deletes the values of a sign-in that ends with this transaction, and those that wait beside them. */
export async function deleteDataOf(db: Kysely<SignInTables>, owner: string, signIn: string): Promise<void> {
  for (const table of ["visit_data", "visit_data_conflict"] as const) {
    await db.deleteFrom(table).where("owner_id", "=", owner).where("sign_in_id", "=", signIn).execute();
  }
}

/** Deletes some values of any visitor that expired before a time. Tells how many. */
export async function deleteOldData(db: Kysely<SignInTables>, beforeMs: number, limit: number): Promise<number> {
  const before = timeOf(beforeMs);
  const rows = await db
    .selectFrom("visit_data")
    .select([sql<string>`owner_id`.as("owner"), sql<string>`sign_in_id::text`.as("place"), "key"])
    .where("expires_at", "<", before)
    .limit(limit)
    .execute();
  for (const { owner, place, key } of rows) {
    await db
      .deleteFrom("visit_data")
      .where("owner_id", "=", owner)
      .where("sign_in_id", "=", place)
      .where("key", "=", key)
      .where("expires_at", "<", before)
      .execute();
  }
  return rows.length;
}
