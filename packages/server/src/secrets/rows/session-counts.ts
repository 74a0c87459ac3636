import type { Kysely, Transaction } from "kysely";
import { countFromRow, countSelection, type StoredCount } from "../../postgres/owner.ts";
import type { OwnerTables } from "../../postgres/tables.ts";
import type { OwnerCipher } from "../owner-cipher.ts";
import { countSessions, emptyCount, readCount, saysKeyed, storeCount, type BegunSession } from "../session-count.ts";

/** Whether an owner has got keys after this cipher was loaded: then it cannot hash the count. */
export function isStaleFor({ scope }: OwnerCipher, stored: StoredCount | null): boolean {
  return scope === "nothing" && stored !== null && saysKeyed(stored);
}

export async function loadCount(
  db: Kysely<OwnerTables> | Transaction<OwnerTables>,
  owner: string,
): Promise<StoredCount | null> {
  const row = await db.selectFrom("owner").select(countSelection).where("owner_id", "=", owner).executeTakeFirst();
  return row === undefined ? null : countFromRow(row);
}

/** A count with sessions added or taken out. One that somebody has changed stays as it is. */
export function changedCount(
  cipher: OwnerCipher,
  owner: string,
  stored: StoredCount | null,
  begun: readonly BegunSession[],
  sign: 1 | -1,
): StoredCount | null {
  // An owner with keys has a count.
  const isFirst = stored === null && cipher.scope === "nothing";
  const count = isFirst ? emptyCount : stored && readCount(cipher, owner, stored);
  return count === null ? stored : storeCount(cipher, owner, countSessions(count, begun, sign));
}
