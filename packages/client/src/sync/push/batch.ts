import { MAX_COMMANDS, type Command, type DraftCommand, type Snapshot } from "@sessions/core/internal";
import type { Store } from "../../store/store.ts";

type DraftFields = Snapshot["drafts"][string];

/** The commands of one push. */
export interface Batch {
  readonly commands: Command[];
  /** The size of the commands, in bytes of JSON. */
  bytes: number;
  /** Whether a command had no room. */
  full: boolean;
  /** Whether a command waits until it is on the disk. */
  waits: boolean;
}

export interface BatchOptions {
  readonly store: Pick<Store, "records" | "isSendable">;
  /** The most bytes of JSON that the commands may have. A single command may always have more. */
  readonly maxBytes: number;
  /** A new command's id. */
  readonly id: () => string;
}

export function emptyBatch(): Batch {
  return { commands: [], bytes: 0, full: false, waits: false };
}

/** Puts a session's commands into a batch, and then its drafts: a draft may need the start before it. */
export function fill(
  batch: Batch,
  session: string,
  { store, maxBytes, id }: BatchOptions,
  { withDrafts, atMost }: { readonly withDrafts: boolean; readonly atMost: number },
): void {
  const { version, snapshot, pending, drafts } = store.records.get(session)!;
  let room = atMost;

  function put(command: Command): boolean {
    const bytes = jsonBytes(command) + 1;
    const { commands } = batch;
    batch.full ||= commands.length >= MAX_COMMANDS || (commands.length > 0 && batch.bytes + bytes > maxBytes);
    if (batch.full || room === 0) return false;
    room -= 1;
    commands.push(command);
    batch.bytes += bytes;
    return true;
  }

  for (const { command } of pending) {
    if (!store.isSendable(session, command.id)) {
      batch.waits = true;
      return;
    }
    if (!put(command)) return;
  }
  if (!withDrafts) return;
  for (const [step, all] of Object.entries(drafts)) {
    const seen = { [step]: snapshot?.submissions[step]?.command ?? null };
    for (const fields of portionsOf(all, maxBytes)) {
      const command: DraftCommand = { kind: "draft", id: id(), session, version, step, seen, fields };
      if (!put(command)) return;
    }
  }
}

/** Divides a step's fields into as many parts as they need. It never divides a field. */
function portionsOf(draftFields: DraftFields, maxBytes: number): readonly DraftFields[] {
  const portions: Record<string, DraftFields[string]>[] = [{}];
  let bytes = 0;
  for (const [field, draftField] of Object.entries(draftFields)) {
    const more = jsonBytes({ [field]: draftField });
    if (bytes > 0 && bytes + more > maxBytes / 2) {
      portions.push({});
      bytes = 0;
    }
    portions.at(-1)![field] = draftField;
    bytes += more;
  }
  return portions;
}

/** The length of a value's JSON in UTF-8, as it is sent. */
export function jsonBytes(value: object): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
