import { sameJson, type Json } from "@sessions/core/internal";
import { entries, get } from "idb-keyval";
import { DEVICE_KEY } from "./database.ts";
import { emptyRecord, isUnsettled, unchanged, type RecordUpdate, type SessionRecord } from "../record/record.ts";
import { mergeRecords } from "../record/merge.ts";
import { createRecordOnDisk, type RecordOnDisk, type RecordOnDiskOptions } from "./record-on-disk.ts";

export interface RecordsOptions extends Omit<RecordOnDiskOptions, "id" | "onPersisted" | "onRefused"> {
  /** Whether the values that `lift` removes must not stay on the disk. */
  readonly conceals: (record: SessionRecord) => boolean;
  /** Called before all records are read: the disk may be another one, or empty. May reject. */
  readonly identify: () => Promise<void>;
  /** These records have changed. */
  readonly onChange: (ids: readonly string[]) => void;
  /** `storage` has changed. */
  readonly onStorage: () => void;
  /** A record is on the disk, for other tabs to read. `met` is true if another tab had changed it, so that this tab has read the changes. */
  readonly onStored: (id: string, met: boolean) => void;
}

/**
 * The records of a database. A change is applied in memory at once. Then one transaction reads, changes and writes the
 * stored record, so tabs that share a record never lose one another's changes. A record in memory is the persisted one
 * with the changes that are not yet persisted on top.
 */
export interface Records {
  readonly all: ReadonlyMap<string, SessionRecord>;
  /** "memory" while IndexedDB refuses to read or write. */
  storage(): "disk" | "memory";
  /** Whether a change is in this page's memory alone, and is lost if the page closes. */
  isUnstored(): boolean;
  /** Resolves when the change's transaction has completed, or the change is in memory alone. Never rejects. */
  change(id: string, change: RecordUpdate): Promise<void>;
  /** Reads these records, or all, from the disk. Never rejects. */
  refresh(ids?: readonly string[]): Promise<void>;
  /** Tries again to write the changes that are in memory alone. `storage` is "disk" once all are written. Never rejects. */
  heal(): Promise<void>;
  /** Writes every record of this page's memory, merged with the record on the disk. */
  restore(): void;
  /** Sets `storage`. */
  setStorage(storage: "disk" | "memory"): void;
  /** Changes every record that has changes to persist. It calls no listener. */
  apply(change: RecordUpdate): void;
  /** Forgets these records in memory. */
  release(ids: readonly string[]): void;
  /** Resolves when nothing is being written. */
  written(): Promise<unknown>;
  /**
   * Whether a pending command may be sent. A command waits until it is on the disk, because another tab's `confirm`
   * step may be there, and refuses it. While records are in memory alone, the command may be sent at once.
   */
  isSendable(id: string, command: string): boolean;
  /** Whether a command may have been sent before it was on the disk: then only the server can refuse it. */
  mayBeSent(command: string): boolean;
}

export function createRecords(options: RecordsOptions): Records {
  const { database, isGone, lift, conceals, onChange } = options;
  const rows = new Map<string, RecordOnDisk>();
  const all = new Map<string, SessionRecord>();
  const sentEarly = new Set<string>();
  let storage: "disk" | "memory" = "disk";

  function rowOf(id: string): RecordOnDisk {
    const known = rows.get(id);
    if (known) return known;
    const row = createRecordOnDisk({
      ...options,
      id,
      onRefused: () => setStorage("memory"),
      onPersisted(persisted) {
        const met = takePersisted(id, persisted);
        if (met) onChange([id]);
        options.onStored(id, met);
        return heal();
      },
    });
    rows.set(id, row);
    return row;
  }

  /** Returns whether the record in memory is another one now. */
  function takePersisted(id: string, persisted: SessionRecord): boolean {
    const row = rowOf(id);
    const record = row.take(persisted);
    // Values that must not stay on the disk are there.
    if (conceals(persisted) && lift(persisted) !== persisted) void row.write(unchanged);
    // A new object would render the page again.
    if (sameRecord(record, all.get(id))) return false;
    all.set(id, record);
    return true;
  }

  async function refresh(ids?: readonly string[]): Promise<void> {
    if (isGone()) return;
    try {
      // Messages about other records were missed while the disk failed.
      const some = storage === "disk" ? ids : undefined;
      if (!some) await options.identify();
      const found = some
        ? await Promise.all(some.map(async (id) => [id, await get<SessionRecord>(id, database.transact)] as const))
        : await entries<string, SessionRecord>(database.transact);
      // A record that is no longer on the disk stays in memory.
      for (const [id, persisted] of found) if (persisted && id !== DEVICE_KEY) takePersisted(id, persisted);
    } catch {
      setStorage("memory");
      return;
    }
    if (unpersisted().length === 0) setStorage("disk");
    onChange(ids ?? [...all.keys()]);
  }

  function change(id: string, next: RecordUpdate): Promise<void> {
    const row = rowOf(id);
    const record = next(all.get(id) ?? emptyRecord);
    if (sameRecord(record, all.get(id))) return row.written;
    all.set(id, record);
    // The write begins before a listener is called, so nothing that a listener does can prevent it.
    const written = row.write(next);
    onChange([id]);
    return written;
  }

  const unpersisted = () => [...rows].filter(([, row]) => !row.isPersisted);

  async function heal(): Promise<void> {
    if (storage === "disk") return;
    const waiting = unpersisted();
    // Each row writes after its own earlier write. Nothing is awaited: rows never wait for one another.
    for (const [, row] of waiting) void row.write();
    if (waiting.length === 0) await refresh();
  }

  function setStorage(next: "disk" | "memory"): void {
    if (storage === next) return;
    storage = next;
    options.onStorage();
  }

  return {
    all,
    storage: () => storage,
    isUnstored: () => unpersisted().some(([id]) => isUnsettled(all.get(id) ?? emptyRecord)),
    change,
    refresh,
    heal,
    setStorage,
    restore() {
      for (const [id, mine] of all) void rowOf(id).write((record) => mergeRecords(mine, record), true);
    },
    apply(change) {
      for (const [id, row] of unpersisted()) {
        void row.write(change);
        all.set(id, change(all.get(id)!));
      }
    },
    release(ids) {
      for (const id of ids) {
        rows.delete(id);
        all.delete(id);
      }
    },
    written: () => Promise.all([...rows.values()].map((row) => row.written)),
    isSendable(id, command) {
      if (rows.get(id)?.persisted?.pending.some((entry) => entry.command.id === command)) return true;
      if (storage === "memory") sentEarly.add(command);
      return storage === "memory";
    },
    mayBeSent: (command) => sentEarly.has(command),
  };
}

function sameRecord(left: SessionRecord, right: SessionRecord | undefined): boolean {
  // A record is plain JSON. Only its interfaces have no index signature.
  return sameJson(left as unknown as Json, right as unknown as Json | undefined);
}
