import { sql, type Kysely } from "kysely";
import type { Device } from "@sessions/core/internal";
import type { OwnerTables } from "./tables.ts";
import { time } from "./values.ts";

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
