import { sql, type Kysely } from "kysely";
import { OF_OWNER, type DataPlace } from "./data.ts";
import type { SignInTables } from "./tables.ts";

/** The table of values that visitors brought and the owner has another one of. They wait beside it until somebody decides. */

/** How many values wait beside one value. If another one comes, the oldest goes. */
export const MAX_CONFLICTS = 10;

/** A value that waits. */
export interface StoredConflict {
  /** The visitor who brought it. */
  readonly id: string;
  /** The value as JSON. */
  readonly text: string;
}

/** The values that wait beside one value, the oldest first. */
export async function listConflicts(
  db: Kysely<SignInTables>,
  { owner, signIn, key }: DataPlace,
): Promise<readonly StoredConflict[]> {
  return db
    .selectFrom("visit_data_conflict")
    .select([sql<string>`visitor_id`.as("id"), sql<string>`value::text`.as("text")])
    .where("owner_id", "=", owner)
    .where("sign_in_id", "=", signIn ?? OF_OWNER)
    .where("key", "=", key)
    .orderBy("adopted_at")
    .orderBy("visitor_id")
    .limit(MAX_CONFLICTS)
    .execute();
}

/** Deletes values that wait beside one value. */
export async function deleteConflicts(
  db: Kysely<SignInTables>,
  { owner, signIn, key }: DataPlace,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  await db
    .deleteFrom("visit_data_conflict")
    .where("owner_id", "=", owner)
    .where("sign_in_id", "=", signIn ?? OF_OWNER)
    .where("key", "=", key)
    .where("visitor_id", "in", ids)
    .execute();
}
