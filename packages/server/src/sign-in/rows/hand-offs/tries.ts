import { sql, type Kysely, type Transaction } from "kysely";
import { timeOf } from "../../../postgres/values.ts";
import type { SignInTables } from "../tables.ts";

/** How often wrong letters were typed on one day: by an owner, and from an address. Each count has a row of its own. */

/** Counts a try. Tells how many there are with it. The row is locked until the transaction ends, so that no try is free. */
export async function addTry(tx: Transaction<SignInTables>, id: string, expiresMs: number): Promise<number> {
  const { tries } = await tx
    .insertInto("hand_off_try")
    .values({ id, tries: 1, expires_at: timeOf(expiresMs) })
    .onConflict((conflict) => conflict.column("id").doUpdateSet({ tries: sql<number>`hand_off_try.tries + 1` }))
    .returning("tries")
    .executeTakeFirstOrThrow();
  return Number(tries);
}

/** Takes a try back that the same transaction has counted. */
export async function takeTryBack(tx: Transaction<SignInTables>, id: string): Promise<void> {
  await tx
    .updateTable("hand_off_try")
    .set({ tries: sql<number>`tries - 1` })
    .where("id", "=", id)
    .execute();
}

/** Deletes some counts of days that are over. Tells how many. */
export async function deleteOldTries(db: Kysely<SignInTables>, beforeMs: number, limit: number): Promise<number> {
  const rows = await db
    .selectFrom("hand_off_try")
    .select("id")
    .where("expires_at", "<", timeOf(beforeMs))
    .limit(limit)
    .execute();
  for (const { id } of rows) await db.deleteFrom("hand_off_try").where("id", "=", id).execute();
  return rows.length;
}
