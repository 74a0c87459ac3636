import { sameJson, type Json } from "@sessions/core";
import { delMany, entries, get, update } from "idb-keyval";
import { deleteDatabases, openDatabase } from "./database.ts";
import { emptyRecord, isUnsettled, type Change, type SessionRecord } from "./record.ts";

/** Raised when records get another shape. It is part of the database's name. */
const SCHEMA_VERSION = 1;

const DEVICE_KEY = "device";

/** How many ended sessions with nothing left to settle are kept for reading offline. */
const ENDED_KEPT = 50;

export interface StoreOptions {
  readonly owner: string;
  readonly profile: string;
  /** Becomes the device's id unless the store holds one. */
  readonly device: string;
  /** A record as this page's code reads it. */
  readonly lift: (record: SessionRecord) => SessionRecord;
  /** These records have changed. */
  readonly onChange: (ids: readonly string[]) => void;
  /** They are kept elsewhere from now on. */
  readonly onStorage: () => void;
  /** These records have reached the disk, for other tabs to read. */
  readonly onStored: (ids: readonly string[]) => void;
  /** Another tab is deleting the database: abandon it. */
  readonly onDeleted: () => void;
}

/**
 * The records of one owner and profile. A change is applied in memory at once, then persisted by one
 * transaction that reads, changes and writes: tabs that share a record never lose one another's changes.
 * What is shown is what was persisted, with the changes that are not yet persisted on top.
 */
export interface Store {
  /** "memory" while IndexedDB refuses. Every change tries it again. */
  readonly storage: "disk" | "memory";
  readonly loaded: boolean;
  /** Resolves when what was persisted is in memory; never rejects. */
  readonly ready: Promise<void>;
  /** The device's id. */
  readonly device: string;
  readonly records: ReadonlyMap<string, SessionRecord>;
  /** Resolves when the change's transaction has completed, or is known to be in memory only; never rejects. */
  change(id: string, change: Change): Promise<void>;
  /** Reads again what other tabs have written: these records, or all. Never rejects. */
  refresh(ids?: readonly string[]): Promise<void>;
  /** Deletes everything local of this owner, in every profile. Nothing is kept from now on. */
  forget(): Promise<void>;
  /** Writes nothing any more: another tab deleted everything. */
  abandon(): void;
  /** Finishes what is being written, then lets go of the database. Never rejects. */
  close(): Promise<void>;
}

interface Row {
  persisted: SessionRecord | undefined;
  readonly unpersisted: Change[];
  writing: Promise<void>;
}

export function createStore(options: StoreOptions): Store {
  const { owner, profile, device, lift, onChange, onStorage, onStored, onDeleted } = options;
  const prefix = `sessions:${encodeURIComponent(owner)}:`;
  const name = `${prefix}${encodeURIComponent(profile)}:${SCHEMA_VERSION}`;
  const rows = new Map<string, Row>();
  const records = new Map<string, SessionRecord>();
  let gone = false;
  const database = openDatabase(name, onDeleted);

  const state = { storage: "disk" as Store["storage"], loaded: false, device };
  const ready = load();

  async function load(): Promise<void> {
    try {
      await update<string>(DEVICE_KEY, (known) => (state.device = known ?? device), database.use);
      await readAll();
      await prune();
    } catch {
      state.storage = "memory";
    }
    state.loaded = true;
    onChange([...records.keys()]);
  }

  async function readAll(): Promise<void> {
    for (const [id, persisted] of await entries<string, SessionRecord>(database.use)) {
      if (id !== DEVICE_KEY) takePersisted(id, persisted);
    }
  }

  async function prune(): Promise<void> {
    const settled = [...records].filter(([, record]) => record.snapshot?.endedAt && !isUnsettled(record));
    const surplus = settled
      .map(([id]) => id)
      .sort()
      .slice(0, -ENDED_KEPT);
    await delMany(surplus, database.use);
    for (const id of surplus) {
      rows.delete(id);
      records.delete(id);
    }
  }

  function rowOf(id: string): Row {
    const row = rows.get(id) ?? { persisted: undefined, unpersisted: [], writing: ready };
    rows.set(id, row);
    return row;
  }

  function takePersisted(id: string, persisted: SessionRecord | undefined): boolean {
    const row = rowOf(id);
    row.persisted = persisted;
    const record = row.unpersisted.reduce((before, change) => change(before), lift(persisted ?? emptyRecord));
    // Another object would be another render.
    if (sameRecord(record, records.get(id))) return false;
    records.set(id, record);
    return true;
  }

  async function refresh(ids?: readonly string[]): Promise<void> {
    if (gone) return;
    try {
      if (ids === undefined) await readAll();
      else await Promise.all(ids.map(async (id) => takePersisted(id, await get<SessionRecord>(id, database.use))));
      onChange(ids ?? [...records.keys()]);
    } catch {
      keepIn("memory");
    }
  }

  function change(id: string, next: Change): Promise<void> {
    const row = rowOf(id);
    row.unpersisted.push(next);
    records.set(id, next(records.get(id) ?? emptyRecord));
    // Before anyone is told: whatever they do with it, it is written.
    row.writing = row.writing.then(() => persist(id, row));
    onChange([id]);
    return row.writing;
  }

  async function persist(id: string, row: Row): Promise<void> {
    // One transaction for everything that came while the last one ran.
    const batch = [...row.unpersisted];
    if (batch.length === 0 || gone) return;
    let persisted = emptyRecord;
    try {
      // Resolves when the transaction has completed.
      await update<SessionRecord>(
        id,
        (before) => (persisted = batch.reduce((record, step) => step(record), lift(before ?? emptyRecord))),
        database.use,
      );
    } catch {
      keepIn("memory");
      return;
    }
    row.unpersisted.splice(0, batch.length);
    if (takePersisted(id, persisted)) onChange([id]);
    onStored([id]);
    if (state.storage === "memory") await heal();
  }

  /** The disk works again: it is said so once everything that was in memory alone is written. */
  async function heal(): Promise<void> {
    const waiting = [...rows].filter(([, row]) => row.unpersisted.length > 0);
    // Behind what a row is writing, and not awaited: rows never wait for one another.
    for (const [id, row] of waiting) row.writing = row.writing.then(() => persist(id, row));
    // The last of them comes here with nothing left.
    if (waiting.length > 0) return;
    keepIn("disk");
    await refresh();
  }

  function keepIn(storage: Store["storage"]): void {
    if (state.storage === storage) return;
    state.storage = storage;
    onStorage();
  }

  return {
    get storage() {
      return state.storage;
    },
    get loaded() {
      return state.loaded;
    },
    get device() {
      return state.device;
    },
    ready,
    records,
    change,
    refresh,
    async forget() {
      gone = true;
      records.clear();
      await ready;
      records.clear();
      await deleteDatabases(database, name, prefix);
    },
    abandon() {
      gone = true;
      database.release();
    },
    async close() {
      await Promise.all([ready, ...[...rows.values()].map((row) => row.writing)]);
      database.release();
    },
  };
}

function sameRecord(left: SessionRecord, right: SessionRecord | undefined): boolean {
  // A record is plain JSON but for its interfaces, which have no index signature.
  return sameJson(left as unknown as Json, right as unknown as Json | undefined);
}
