import { sql, type Kysely, type Transaction } from "kysely";
import type { OwnerTables } from "./tables.ts";
import { time } from "./values.ts";

/**
 * Locks the owner's row until the transaction ends, so that the numbers that limits count cannot change meanwhile. Gives
 * the adopter of a visitor, as {@link loadAdopter} does. A transaction that locks an owner and a visitor locks the owner first.
 */
export async function lockOwner(tx: Transaction<OwnerTables>, owner: string, at: string): Promise<string | null> {
  await tx
    .insertInto("owner")
    .values({ owner_id: owner, created_at: time(at) })
    .onConflict((conflict) => conflict.column("owner_id").doNothing())
    .execute();
  const row = await tx
    .selectFrom("owner")
    .select(adopterSelection)
    .where("owner_id", "=", owner)
    .forUpdate()
    .executeTakeFirstOrThrow();
  return row.adopter;
}

const adopterSelection = sql<string | null>`adopted_by`.as("adopter");

/** The owner who has adopted a visitor; null if nobody has. */
export async function loadAdopter(db: Kysely<OwnerTables>, visitor: string): Promise<string | null> {
  const row = await db.selectFrom("owner").select(adopterSelection).where("owner_id", "=", visitor).executeTakeFirst();
  return row?.adopter ?? null;
}

/** Notes who has adopted a visitor. The visitor's row is locked. */
export async function noteAdopter(tx: Transaction<OwnerTables>, visitor: string, owner: string): Promise<void> {
  await tx.updateTable("owner").set({ adopted_by: owner }).where("owner_id", "=", visitor).execute();
}
