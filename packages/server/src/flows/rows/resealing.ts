import type { Transaction } from "kysely";
import type { SessionsError } from "@sessions/core/internal";
import { bytes, json } from "../../postgres/values.ts";
import type { OwnerCipher } from "../../secrets/owner-cipher.ts";
import { isSealedInvalid } from "../../secrets/sealed.ts";
import { loadActive, lockActive } from "./active.ts";
import { loadArchived } from "./archive.ts";
import { loadHistory } from "./history/history.ts";
import {
  contentDigest,
  encodeEntry,
  secretParts,
  type HistoryContent,
  type HistoryEntry,
} from "./history/history-entry.ts";
import { encodeState } from "./session-state.ts";
import type { Tables } from "./tables.ts";

export interface Resealing {
  readonly owner: string;
  /** Opens what is in the rows now: it belongs to the owner that they had. */
  readonly from: OwnerCipher;
  readonly to: OwnerCipher;
  /** Called with the fault of a session that does not open. It stays as it is. */
  readonly report: (error: SessionsError) => void;
}

/** Seals sessions for another owner, to whom their rows were just given, and chains their histories with the owner's key. */
export async function resealSessions(
  tx: Transaction<Tables>,
  table: "session" | "session_archive",
  ids: readonly string[],
  { owner, from, to, report }: Resealing,
): Promise<void> {
  if (from.scope === "nothing" && to.scope === "nothing") return;
  for (const id of ids) {
    try {
      await resealSession(tx, table, id, { owner, from, to });
    } catch (error) {
      if (!isSealedInvalid(error)) throw error;
      report(error);
    }
  }
}

/** Seals a session for its own owner, as far as the cipher seals. An active one gets its next revision, so that no node writes to it as it was. */
export async function sealSession(
  tx: Transaction<Tables>,
  table: "session" | "session_archive",
  owner: string,
  id: string,
  cipher: OwnerCipher,
): Promise<void> {
  const isActive = table === "session";
  if (isActive && (await lockActive(tx, () => cipher, owner, id)) === null) return;
  await resealSession(tx, table, id, { owner, from: cipher, to: cipher });
  if (!isActive) return;
  await tx
    .updateTable("session")
    .set(({ eb }) => ({ revision: eb("revision", "+", 1) }))
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .execute();
}

async function resealSession(
  tx: Transaction<Tables>,
  table: "session" | "session_archive",
  id: string,
  { owner, from, to }: Omit<Resealing, "report">,
): Promise<void> {
  const stored = await (table === "session" ? loadActive : loadArchived)(tx, () => from, owner, id);
  const history = await loadHistory(tx, owner, id, from);
  let before: Uint8Array | null = null;
  let now: Uint8Array | null = null;
  for (const entry of history) {
    const isWhole = from.isChainHash(entry.hash, before, entry.text, Date.parse(entry.body.at));
    // The chain of a history that was changed stays broken, so that `verify` finds it.
    const sealed: HistoryEntry = isWhole ? resealEntry(to, now, entry) : entry;
    await tx
      .updateTable("session_event")
      .set({
        body: json(sealed.text),
        content: sealed.clear === null ? null : json(sealed.clear),
        sealed: sealed.sealed === null ? null : bytes(sealed.sealed),
        hash: bytes(sealed.hash),
      })
      .where("owner_id", "=", owner)
      .where("session_id", "=", id)
      .where("entry", "=", entry.number)
      .execute();
    [before, now] = [entry.hash, sealed.hash];
  }
  if (stored === null) return;
  const { state, sealed } = encodeState(to, stored);
  const isLast = before !== null && Buffer.compare(before, stored.lastHash) === 0;
  await tx
    .updateTable(table)
    .set({
      state: json(state),
      sealed: sealed === null ? null : bytes(sealed),
      ...(isLast && now !== null && { hash: bytes(now) }),
    })
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .execute();
}

function resealEntry(to: OwnerCipher, before: Uint8Array | null, entry: HistoryEntry): HistoryEntry {
  const { content, sealed, clear, text } = entry;
  const { content: digest, ...body } = entry.body;
  // An erased content stays erased, and one that was changed stays so, for `verify` to find.
  if (digest !== contentDigest({ clear, sealed })) return { ...entry, hash: to.chainHash(before, text) };
  const clearParts = Object.keys(JSON.parse(clear ?? "{}") as object);
  // The keys of the content are the names of its parts.
  const parts = Object.keys(content) as (keyof HistoryContent)[];
  const secret = [...parts.filter((part) => !clearParts.includes(part)), ...secretParts(body, content)];
  return encodeEntry(to, before, { body, content, secret });
}
