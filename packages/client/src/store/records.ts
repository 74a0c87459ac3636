import { sameJson, type Json } from "@sessions/core/internal";
import { entries, get } from "idb-keyval";
import { DEVICE_KEY, type Database } from "./database.ts";
import { emptyRecord, isUnsettled, compose, type RecordUpdate, type SessionRecord } from "../record/record.ts";
import { mergeRecords } from "../record/merge.ts";

export interface RecordsOptions {
  readonly database: Database;
  /** Nothing is written before this has resolved. */
  readonly ready: Promise<void>;
  /** Whether the owner was forgotten. Then nothing is read or written any more. */
  readonly isGone: () => boolean;
  /** Lifts a record to the version of this page's flows. */
  readonly lift: (record: SessionRecord) => SessionRecord;
  /** Whether the values that `lift` removes must not stay on the disk. */
  readonly conceals: (record: SessionRecord) => boolean;
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
  readonly storage: "disk" | "memory";
  /** Whether a change is in this page's memory alone, and is lost if the page closes. */
  readonly unstored: boolean;
  /** Resolves when the change's transaction has completed, or the change is in memory alone. Never rejects. */
  change(id: string, change: RecordUpdate): Promise<void>;
  /** Reads these records, or all, from the disk. Never rejects. */
  refresh(ids?: readonly string[]): Promise<void>;
  /** Tries again to write the changes that are in memory alone. `storage` is "disk" once all are written. Never rejects. */
  heal(): Promise<void>;
  /** Writes every record of this page's memory, merged with the record on the disk. */
  restore(): void;
  /** Sets `storage`. */
  keepIn(storage: Records["storage"]): void;
  /** Changes every record that has changes to persist. It calls no listener. */
  apply(change: RecordUpdate): void;
  /** Forgets these records in memory. */
  release(ids: readonly string[]): void;
  /** Resolves when nothing is being written. */
  written(): Promise<unknown>;
  /**
   * Whether a pending command may be sent. A command waits until it is on the disk, because another tab's irreversible
   * step may be there, and refuses it. While records are in memory alone, the command may be sent at once.
   */
  isSendable(id: string, command: string): boolean;
  /** Whether a command may have been sent before it was on the disk: then only the server can refuse it. */
  mayBeSent(command: string): boolean;
}

interface Row {
  persisted: SessionRecord | undefined;
  unpersisted: readonly RecordUpdate[];
  writing: Promise<void>;
  /** A write that has not begun. It includes every change that is made before it begins. */
  next: Promise<void> | undefined;
}

export function createRecords(options: RecordsOptions): Records {
  const { database, ready, isGone, lift, conceals, onChange } = options;
  const rows = new Map<string, Row>();
  const all = new Map<string, SessionRecord>();
  const sentEarly = new Set<string>();
  let storage: Records["storage"] = "disk";

  function rowOf(id: string): Row {
    const row = rows.get(id) ?? { persisted: undefined, unpersisted: [], writing: ready, next: undefined };
    rows.set(id, row);
    return row;
  }

  /** A record that is no longer on the disk stays in memory. */
  function takePersisted(id: string, persisted: SessionRecord | undefined): boolean {
    if (persisted === undefined) return false;
    const row = rowOf(id);
    row.persisted = persisted;
    const lifted = lift(persisted);
    const record = compose(...row.unpersisted)(lifted);
    if (lifted !== persisted && conceals(persisted)) {
      row.unpersisted = [(before) => before, ...row.unpersisted];
      void write(id, row);
    }
    // A new object would render the page again.
    if (sameRecord(record, all.get(id))) return false;
    all.set(id, record);
    return true;
  }

  async function refresh(ids?: readonly string[]): Promise<void> {
    if (isGone()) return;
    try {
      const found = ids
        ? await Promise.all(ids.map(async (id) => [id, await get<SessionRecord>(id, database.transact)] as const))
        : await entries<string, SessionRecord>(database.transact);
      for (const [id, persisted] of found) if (id !== DEVICE_KEY) takePersisted(id, persisted);
    } catch {
      keepIn("memory");
      return;
    }
    if (unpersisted().length === 0) keepIn("disk");
    onChange(ids ?? [...all.keys()]);
  }

  function change(id: string, next: RecordUpdate): Promise<void> {
    const row = rowOf(id);
    const record = next(all.get(id) ?? emptyRecord);
    if (sameRecord(record, all.get(id))) return row.writing;
    row.unpersisted = [...row.unpersisted, next];
    all.set(id, record);
    // The write begins before a listener is called, so nothing that a listener does can prevent it.
    const written = write(id, row);
    onChange([id]);
    return written;
  }

  function write(id: string, row: Row): Promise<void> {
    row.next ??= row.writing = row.writing.then(() => {
      row.next = undefined;
      return persist(id, row);
    });
    return row.next;
  }

  async function persist(id: string, row: Row): Promise<void> {
    if (row.unpersisted.length === 0 || isGone()) return;
    let persisted = emptyRecord;
    // One transaction writes all changes that came while the last one ran.
    const batch = row.unpersisted;
    const step = (before = row.persisted ?? emptyRecord) => (persisted = compose(...batch)(lift(before)));
    try {
      // Browsers report a relaxed write before it is on the disk. That is enough for a record that the server has.
      const durability = isUnsettled(all.get(id) ?? emptyRecord) ? "strict" : "relaxed";
      await database.update<SessionRecord>(id, step, durability);
    } catch {
      keepIn("memory");
      return;
    }
    row.unpersisted = row.unpersisted.filter((step) => !batch.includes(step));
    const met = takePersisted(id, persisted);
    if (met) onChange([id]);
    options.onStored(id, met);
    await heal();
  }

  const unpersisted = () => [...rows].filter(([, row]) => row.unpersisted.length > 0);

  async function heal(): Promise<void> {
    if (storage === "disk") return;
    const waiting = unpersisted();
    // Each row writes after its own earlier write. Nothing is awaited: rows never wait for one another.
    for (const [id, row] of waiting) void write(id, row);
    if (waiting.length === 0) await refresh();
  }

  function keepIn(next: Records["storage"]): void {
    if (storage === next) return;
    storage = next;
    options.onStorage();
  }

  return {
    all,
    get storage() {
      return storage;
    },
    get unstored() {
      return unpersisted().some(([id]) => isUnsettled(all.get(id) ?? emptyRecord));
    },
    change,
    refresh,
    heal,
    keepIn,
    restore() {
      for (const [id, mine] of all) {
        const row = rowOf(id);
        row.unpersisted = [(record) => mergeRecords(mine, record), ...row.unpersisted];
        void write(id, row);
      }
    },
    apply(change) {
      for (const [id, row] of rows) {
        if (row.unpersisted.length === 0) continue;
        row.unpersisted = [...row.unpersisted, change];
        all.set(id, change(all.get(id)!));
      }
    },
    release(ids) {
      for (const id of ids) {
        rows.delete(id);
        all.delete(id);
      }
    },
    written: () => Promise.all([...rows.values()].map((row) => row.writing)),
    isSendable(id, command) {
      const isStored = rows.get(id)?.persisted?.pending.some((entry) => entry.command.id === command) ?? false;
      if (!isStored && storage === "memory") sentEarly.add(command);
      return isStored || storage === "memory";
    },
    mayBeSent: (command) => sentEarly.has(command),
  };
}

function sameRecord(left: SessionRecord, right: SessionRecord | undefined): boolean {
  // A record is plain JSON. Only its interfaces have no index signature.
  return sameJson(left as unknown as Json, right as unknown as Json | undefined);
}
