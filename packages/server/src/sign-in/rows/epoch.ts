import { sql, type Kysely, type Transaction } from "kysely";
import { lockOwner } from "../../postgres/owner.ts";
import type { SignInTables } from "./tables.ts";

/**
 * The epochs of revocation. Ending all sign-ins of an owner raises the owner's. Ending those of everybody raises that of
 * the empty owner, which no application can have: so it is a row with a key like any other.
 */
const EVERYBODY = "";

/** How often the sign-ins of everybody have been ended. A sign-in with a lower epoch is not live, wherever its row is. */
export async function loadEpoch(db: Kysely<SignInTables>): Promise<number> {
  const row = await db
    .selectFrom("owner")
    .select("revocation_epoch")
    .where("owner_id", "=", EVERYBODY)
    .executeTakeFirst();
  return row === undefined ? 0 : Number(row.revocation_epoch);
}

/** Raises an owner's epoch in a transaction that holds the owner's lock. */
export async function raiseEpoch(tx: Kysely<SignInTables>, owner: string): Promise<void> {
  await tx
    .updateTable("owner")
    .set({ revocation_epoch: sql<number>`revocation_epoch + 1` })
    .where("owner_id", "=", owner)
    .execute();
}

/** Raises the epoch of everybody, and gives the new one. */
export async function raiseEpochOfEverybody(tx: Transaction<SignInTables>, atMs: number): Promise<number> {
  await lockOwner(tx, EVERYBODY, new Date(atMs).toISOString());
  await raiseEpoch(tx, EVERYBODY);
  return loadEpoch(tx);
}
