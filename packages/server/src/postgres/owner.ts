import { sql, type Kysely, type Transaction } from "kysely";
import type { OwnerTables } from "./tables.ts";
import { bytes, bytesFromHex, json, time } from "./values.ts";

/** How many sessions an owner has begun, as it is stored. */
export interface StoredCount {
  /** JSON. */
  readonly text: string;
  readonly hash: Uint8Array;
}

/** The row of an owner that a transaction has locked. */
export interface LockedOwner {
  /** The adopter of a visitor, as {@link loadAdopter} gives it. */
  readonly adopter: string | null;
  /** Null for an owner who has begun no session. */
  readonly count: StoredCount | null;
}

/**
 * Locks the owner's row until the transaction ends, so that the numbers that limits count cannot change meanwhile. A
 * transaction that locks an owner and a visitor locks the owner first.
 */
export async function lockOwner(tx: Transaction<OwnerTables>, owner: string, at: string): Promise<LockedOwner> {
  const select = () =>
    tx
      .selectFrom("owner")
      .select([adopterSelection, ...countSelection])
      .where("owner_id", "=", owner)
      .forUpdate();
  const found = await select().executeTakeFirst();
  if (found !== undefined) return lockedFromRow(found);
  await tx
    .insertInto("owner")
    .values({ owner_id: owner, created_at: time(at) })
    .onConflict((conflict) => conflict.column("owner_id").doNothing())
    .execute();
  return lockedFromRow(await select().executeTakeFirstOrThrow());
}

const adopterSelection = sql<string | null>`adopted_by`.as("adopter");

/** The columns of which {@link countFromRow} makes a count. */
export const countSelection = [
  sql<string | null>`begun::text`.as("counttext"),
  sql<string | null>`encode(begun_hash, 'hex')`.as("counthash"),
] as const;

interface CountRow {
  readonly counttext: string | null;
  readonly counthash: string | null;
}

function lockedFromRow({ adopter, ...row }: CountRow & { readonly adopter: string | null }): LockedOwner {
  return { adopter, count: countFromRow(row) };
}

export function countFromRow({ counttext: text, counthash: hash }: CountRow): StoredCount | null {
  return text === null ? null : { text, hash: bytesFromHex(hash ?? "") };
}

/** The values of the columns of a count, to write them. */
export function countValues(count: StoredCount | null) {
  return { begun: count && json(count.text), begun_hash: count && bytes(count.hash) };
}

/** Writes how many sessions an owner has begun. The owner's row is locked. */
export async function writeCount(
  tx: Kysely<OwnerTables> | Transaction<OwnerTables>,
  owner: string,
  count: StoredCount | null,
): Promise<void> {
  await tx.updateTable("owner").set(countValues(count)).where("owner_id", "=", owner).execute();
}

/** The owner who has adopted a visitor; null if nobody has. */
export async function loadAdopter(db: Kysely<OwnerTables>, visitor: string): Promise<string | null> {
  const row = await db.selectFrom("owner").select(adopterSelection).where("owner_id", "=", visitor).executeTakeFirst();
  return row?.adopter ?? null;
}

/** Notes who has adopted a visitor. The visitor's row is locked. */
export async function noteAdopter(tx: Transaction<OwnerTables>, visitor: string, owner: string): Promise<void> {
  await tx.updateTable("owner").set({ adopted_by: owner }).where("owner_id", "=", visitor).execute();
}
