import { sql, type Kysely, type Transaction } from "kysely";
import type { Device } from "@sessions/core/internal";
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

/** Records when a device was seen, and its name. Of an owner's devices, the `atMost` that were seen last are kept. */
export async function recordDevice(
  db: Kysely<OwnerTables>,
  owner: string,
  device: Device,
  at: string,
  atMost: number,
): Promise<void> {
  await db
    .insertInto("device")
    .values({ owner_id: owner, id: device.id, name: device.name, first_seen_at: time(at), last_seen_at: time(at) })
    .onConflict((conflict) =>
      conflict.columns(["owner_id", "id"]).doUpdateSet({ name: device.name, last_seen_at: sql`excluded.last_seen_at` }),
    )
    .execute();
  const stale = await db
    .selectFrom("device")
    .select("id")
    .where("owner_id", "=", owner)
    .orderBy("last_seen_at", "desc")
    .offset(atMost)
    .limit(100)
    .execute();
  if (stale.length === 0) return;
  const ids = stale.map(({ id }) => id);
  await db.deleteFrom("device").where("owner_id", "=", owner).where("id", "in", ids).execute();
}
