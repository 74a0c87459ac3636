import { sql, type Kysely } from "kysely";
import { msOf, timeOf } from "../../postgres/values.ts";
import type { RotationState } from "../token/rotation.ts";
import { rotationFromBytes } from "./rotation-bytes.ts";
import { addEntry, insertEntry, insertInvalidation } from "./history.ts";
import { deleteDataOf } from "./data.ts";
import { deleteLive } from "./live.ts";
import { sharedValues } from "./row.ts";
import type { SignInWithHistoryHead } from "./stored-sign-in.ts";
import type { EndReason, SignInTables } from "./tables.ts";

/** The archive of ended sign-ins. Each row is written once. */

/** Why and when a sign-in ended. */
export interface ArchiveEntry {
  readonly ending: EndReason;
  readonly atMs: number;
  /** The sign-in from which it was ended, by its public id. */
  readonly by: string | null;
  /** Whether other nodes learn of this end by its entry in the history. */
  readonly invalidates: boolean;
}

/**
 * Moves a sign-in that this transaction has locked to the archive, and notes why. Each statement names the owner, so that
 * a distributed Postgres sends it to one shard.
 */
export async function archiveSignIn(
  tx: Kysely<SignInTables>,
  signIn: SignInWithHistoryHead,
  end: ArchiveEntry,
): Promise<void> {
  const { signIn: ended, entry } = addEntry(signIn, end.ending, end.atMs, { by: end.by });
  await deleteLive(tx, signIn.owner, signIn.id);
  await deleteDataOf(tx, signIn.owner, signIn.id);
  await tx
    .insertInto("sign_in_archive")
    .values({ ...sharedValues(ended), ended_at: timeOf(end.atMs), ending: end.ending })
    .execute();
  await (end.invalidates ? insertInvalidation : insertEntry)(tx, signIn.owner, entry);
}

/** An ended sign-in. */
export interface ArchivedSignIn {
  readonly ending: EndReason;
  readonly endedMs: number;
  readonly rotation: RotationState;
}

export async function loadArchivedSignIn(
  db: Kysely<SignInTables>,
  owner: string,
  id: string,
): Promise<ArchivedSignIn | null> {
  const row = await db
    .selectFrom("sign_in_archive")
    .select(["ending", msOf("ended_at").as("ended"), sql<string>`encode(rotation, 'hex')`.as("rotationbytes")])
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .executeTakeFirst();
  if (!row) return null;
  const rotation = rotationFromBytes(Buffer.from(row.rotationbytes, "hex"));
  return { ending: row.ending, endedMs: Number(row.ended), rotation };
}
