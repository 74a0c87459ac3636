import {
  hiddenOf,
  sameJson,
  toStorableJson,
  type Command,
  type Device,
  type Hidden,
  type HistoryChange,
  type Snapshot,
} from "@sessions/core/internal";

/** An entry of a session's history: what an accepted command changed. A draft has none. */
export interface HistoryEntry {
  readonly revision: number;
  /** The command's id; null for an end by deadline, and for a lift. */
  readonly command: string | null;
  readonly at: string;
  readonly device: Device;
  readonly change: HistoryChange;
}

/** A session as the server keeps it. */
export interface StoredSession {
  readonly snapshot: Snapshot;
  /** What step handlers hid, by the command of the submission. No page gets it. */
  readonly hidden: Hidden;
  readonly history: readonly HistoryEntry[];
  /** The number of its history's entries. */
  readonly lastEntry: number;
  /** The accepted commands that are not drafts, by id. */
  readonly receipts: ReadonlyMap<string, { readonly command: Command; readonly revision: number }>;
}

/** The session after an accepted command, or after its deadline. `change` is null for a draft. Without `hidden`, it keeps what it had. */
export function nextStored(
  before: StoredSession | null,
  snapshot: Snapshot,
  change: HistoryChange | null,
  by: Command | null,
  hiddenSoFar: Hidden = before?.hidden ?? {},
): StoredSession {
  const { history = [], receipts = new Map() } = before ?? {};
  const hidden = hiddenOf(snapshot, hiddenSoFar);
  if (change === null) return { snapshot, hidden, history, lastEntry: history.length, receipts };
  // A draft leaves no receipt, and the lift that a draft causes leaves none either.
  const command = change.kind === "lift" ? null : by;
  const { revision, device } = snapshot;
  const at = change.kind === "end" && change.status === "expired" ? snapshot.expiresAt : snapshot.updatedAt;
  const entries = [...history, { revision, command: command?.id ?? null, at, device, change }];
  return {
    snapshot,
    hidden,
    history: entries,
    lastEntry: entries.length,
    receipts: command === null ? receipts : new Map([...receipts, [command.id, { command, revision }]]),
  };
}

/** The receipt of a command: its revision, or "mismatch" if the id belongs to a command with another body. Null without one. */
export function matchReceipt(
  { receipts }: StoredSession,
  command: Command,
): { readonly revision: number } | "mismatch" | null {
  const receipt = receipts.get(command.id);
  if (receipt === undefined) return null;
  if (command.kind === "submit" && !toStorableJson(command.input).ok) return "mismatch";
  return sameJson(receipt.command, command) ? receipt : "mismatch";
}
