import { entries } from "idb-keyval";
import type { Environment } from "../environment.ts";
import { mergeRecords } from "../record/merge.ts";
import { emptyRecord, type SessionRecord } from "../record/record.ts";
import { deleteDatabase, openDatabase, type Database } from "./database.ts";

/**
 * Merges a database of an older version into this one, and deletes it. A tab of the older version may still be open, and
 * may write that again.
 */
export async function mergeOlderDatabase(older: string, database: Database, environment: Environment): Promise<void> {
  const from = openDatabase(older, environment);
  for (const [key, value] of await entries<string, SessionRecord | string>(from.transact)) {
    await database.update<SessionRecord | string>(key, (before) => {
      if (typeof value === "string") return before || value;
      return mergeRecords((before as SessionRecord | undefined) ?? emptyRecord, { ...emptyRecord, ...value });
    });
  }
  from.release();
  await deleteDatabase(older);
}
