import { sql, type Kysely } from "kysely";
import { msOf, timeOf } from "../../../postgres/values.ts";
import type { HandOffTarget } from "./requests.ts";
import type { SignInTables } from "../tables.ts";

/** The letters that an owner types on another of their devices, as hashes. */

export interface HandOffOffer {
  readonly lettersHash: string;
  readonly handed: HandOffTarget;
  readonly tries: number;
  readonly expiresMs: number;
}

/** All offers of an owner, the newest first, locked. */
export async function lockOffers(db: Kysely<SignInTables>, owner: string): Promise<readonly HandOffOffer[]> {
  const rows = await db
    .selectFrom("hand_off_offer")
    .select([
      sql<string>`letters_hash`.as("lettershash"),
      sql<string>`session_id::text`.as("sessionid"),
      "flow",
      "step",
      "tries",
      msOf("expires_at").as("expires"),
    ])
    .where("owner_id", "=", owner)
    .orderBy("expires_at", "desc")
    .orderBy("letters_hash")
    .forUpdate()
    .execute();
  return rows.map(({ lettershash, sessionid, flow, step, tries, expires }) => ({
    lettersHash: lettershash,
    handed: { session: sessionid, flow, step },
    tries: Number(tries),
    expiresMs: Number(expires),
  }));
}

export async function insertOffer(
  db: Kysely<SignInTables>,
  owner: string,
  { lettersHash, handed, tries, expiresMs }: HandOffOffer,
): Promise<void> {
  await db
    .insertInto("hand_off_offer")
    .values({
      owner_id: owner,
      letters_hash: lettersHash,
      session_id: handed.session,
      flow: handed.flow,
      step: handed.step,
      tries,
      expires_at: timeOf(expiresMs),
    })
    .execute();
}

/** Counts one try against every offer of an owner. */
export async function countTry(db: Kysely<SignInTables>, owner: string): Promise<void> {
  await db
    .updateTable("hand_off_offer")
    .set({ tries: sql<number>`tries + 1` })
    .where("owner_id", "=", owner)
    .execute();
}

export async function deleteOffer(db: Kysely<SignInTables>, owner: string, lettersHash: string): Promise<void> {
  await db.deleteFrom("hand_off_offer").where("owner_id", "=", owner).where("letters_hash", "=", lettersHash).execute();
}

/** Deletes some offers of any owner that expired before a time. Tells how many. */
export async function deleteOldOffers(db: Kysely<SignInTables>, beforeMs: number, limit: number): Promise<number> {
  const rows = await db
    .selectFrom("hand_off_offer")
    .select([sql<string>`owner_id`.as("owner"), sql<string>`letters_hash`.as("lettershash")])
    .where("expires_at", "<", timeOf(beforeMs))
    .limit(limit)
    .execute();
  for (const { owner, lettershash } of rows) await deleteOffer(db, owner, lettershash);
  return rows.length;
}
