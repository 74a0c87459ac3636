import { sameJson, type Json } from "@sessions/core";
import { delMany, entries, get } from "idb-keyval";
import { deleteDatabase, DEVICE_KEY, forgetDatabases, openDatabase } from "./database.ts";
import type { Environment } from "./environment.ts";
import { eraseMarks, readMark, writeMark } from "./mark.ts";
import { emptyRecord, isUnsent, isUnsettled, type Change, type SessionRecord } from "./record.ts";
import { reunited } from "./reunion.ts";

/** Raised when records get another shape. It is part of the database's name. */
const SCHEMA_VERSION = 1;

/** How many ended sessions with nothing left to settle are kept for reading offline. */
const ENDED_KEPT = 50;

export interface StoreOptions {
  readonly owner: string;
  readonly profile: string;
  readonly environment: Environment;
  readonly schemaVersion?: number;
  /** A record as this page's code reads it. */
  readonly lift: (record: SessionRecord) => SessionRecord;
  /** These records have changed. */
  readonly onChange: (ids: readonly string[]) => void;
  /** They are kept elsewhere from now on. */
  readonly onStorage: () => void;
  /** These records have reached the disk, for other tabs to read. */
  readonly onStored: (ids: readonly string[]) => void;
  /** Another tab forgets the owner: abandon the store. */
  readonly onForgotten: () => void;
}

/**
 * The records of one owner and profile. A change is applied in memory at once, then persisted by one
 * transaction that reads, changes and writes: tabs that share a record never lose one another's changes.
 * What is shown is what was persisted, with the changes that are not yet persisted on top.
 */
export interface Store {
  /** Unique to the owner, the profile and the shape of the records. */
  readonly name: string;
  /** "memory" while IndexedDB refuses. Every change tries it again, and `heal` does. */
  readonly storage: "disk" | "memory";
  readonly loaded: boolean;
  /** Resolves when what was persisted is in memory; never rejects. */
  readonly ready: Promise<void>;
  /** The device's id. */
  readonly device: string;
  /** Whether the browser has deleted what this device had not yet sent. */
  readonly lost: boolean;
  /** The person knows of it. */
  dismissLost(): void;
  readonly records: ReadonlyMap<string, SessionRecord>;
  /** Resolves when the change's transaction has completed, or is known to be in memory only; never rejects. */
  change(id: string, change: Change): Promise<void>;
  /** Reads again what other tabs have written: these records, or all. Never rejects. */
  refresh(ids?: readonly string[]): Promise<void>;
  /** Tries again to write what is in memory alone. Never rejects. */
  heal(): Promise<void>;
  /** Deletes everything local of this owner, in every profile. Nothing is kept from now on. */
  forget(): Promise<void>;
  /** Writes nothing any more: another tab deleted everything. */
  abandon(): void;
  /** Lets go of the database until it is used again. */
  release(): void;
  /** Finishes what is being written, then lets go of the database. Never rejects. */
  close(): Promise<void>;
}

interface Row {
  persisted: SessionRecord | undefined;
  unpersisted: readonly Change[];
  writing: Promise<void>;
  /** A write that has yet to begin, and takes along what comes until then. */
  next: Promise<void> | undefined;
}

export function createStore(options: StoreOptions): Store {
  const { owner, profile, environment, lift, schemaVersion = SCHEMA_VERSION } = options;
  const prefix = `sessions:${encodeURIComponent(owner)}:`;
  const nameAt = (version: number) => `${prefix}${encodeURIComponent(profile)}:${version}`;
  const name = nameAt(schemaVersion);
  const rows = new Map<string, Row>();
  const records = new Map<string, SessionRecord>();
  let mark = readMark(owner, profile);
  let gone = false;
  const database = openDatabase(name, environment, { onForgotten: options.onForgotten, onGone: restore });

  const state = {
    storage: "disk" as Store["storage"],
    loaded: false,
    device: mark.device ?? environment.id(),
    lost: false,
  };
  const ready = load();

  async function load(): Promise<void> {
    try {
      for (let version = 1; version < schemaVersion; version += 1) await copyFrom(nameAt(version));
      let known: string | undefined;
      await database.update<string>(DEVICE_KEY, (before) => (known = before) || state.device);
      state.device = known || state.device;
      await readAll();
      await prune();
      // Another tab may have noticed just now.
      state.lost = readMark(owner, profile).lost || (known === undefined && mark.unsent);
    } catch {
      state.storage = "memory";
    }
    state.loaded = true;
    changed([...records.keys()]);
  }

  /** A tab of an older version may still be open, and writes there again what it finds deleted. */
  async function copyFrom(older: string): Promise<void> {
    const from = openDatabase(older, environment);
    for (const [key, value] of await entries<string, SessionRecord | string>(from.transact)) {
      await database.update<SessionRecord | string>(key, (before) => {
        if (typeof value === "string") return before || value;
        return reunited((before as SessionRecord | undefined) ?? emptyRecord, { ...emptyRecord, ...value });
      });
    }
    from.release();
    await deleteDatabase(older);
  }

  async function readAll(): Promise<void> {
    for (const [id, persisted] of await entries<string, SessionRecord>(database.transact)) {
      if (id !== DEVICE_KEY) takePersisted(id, persisted);
    }
  }

  async function prune(): Promise<void> {
    const settled = [...records].filter(([, record]) => record.snapshot?.endedAt && !isUnsettled(record));
    const surplus = settled
      .map(([id]) => id)
      .sort()
      .slice(0, -ENDED_KEPT);
    await delMany(surplus, database.transact);
    for (const id of surplus) {
      rows.delete(id);
      records.delete(id);
    }
  }

  function rowOf(id: string): Row {
    const row = rows.get(id) ?? { persisted: undefined, unpersisted: [], writing: ready, next: undefined };
    rows.set(id, row);
    return row;
  }

  /** What the disk does not have any more is kept here. */
  function takePersisted(id: string, persisted: SessionRecord | undefined): boolean {
    if (persisted === undefined) return false;
    const row = rowOf(id);
    row.persisted = persisted;
    const record = row.unpersisted.reduce((before, change) => change(before), lift(persisted));
    // Another object would be another render.
    if (sameRecord(record, records.get(id))) return false;
    records.set(id, record);
    return true;
  }

  function changed(ids: readonly string[]): void {
    if (state.loaded && !gone) {
      const { device, lost } = state;
      const next = { device, unsent: [...records.values()].some(isUnsent), lost };
      // A device that has done nothing yet needs no cookie.
      if (next.unsent !== mark.unsent || lost !== mark.lost) writeMark(owner, profile, (mark = next));
    }
    options.onChange(ids);
  }

  async function refresh(ids?: readonly string[]): Promise<void> {
    if (gone) return;
    try {
      if (ids === undefined) await readAll();
      else await Promise.all(ids.map(async (id) => takePersisted(id, await get<SessionRecord>(id, database.transact))));
    } catch {
      keepIn("memory");
      return;
    }
    if (unpersisted().length === 0) keepIn("disk");
    changed(ids ?? [...records.keys()]);
  }

  function change(id: string, next: Change): Promise<void> {
    const row = rowOf(id);
    const record = next(records.get(id) ?? emptyRecord);
    if (sameRecord(record, records.get(id))) return row.writing;
    row.unpersisted = [...row.unpersisted, next];
    records.set(id, record);
    // Before anyone is told: whatever they do with it, it is written.
    const written = write(id, row);
    changed([id]);
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
    if (row.unpersisted.length === 0 || gone) return;
    let persisted = emptyRecord;
    let batch = row.unpersisted;
    try {
      await database.update<SessionRecord>(id, (before) => {
        // One transaction for everything that came while the last one ran.
        batch = row.unpersisted;
        return (persisted = batch.reduce((record, step) => step(record), lift(before ?? row.persisted ?? emptyRecord)));
      });
    } catch {
      keepIn("memory");
      return;
    }
    row.unpersisted = row.unpersisted.filter((step) => !batch.includes(step));
    if (takePersisted(id, persisted)) changed([id]);
    options.onStored([id]);
    await heal();
  }

  const unpersisted = () => [...rows].filter(([, row]) => row.unpersisted.length > 0);

  /** It says "disk" again once everything that was in memory alone is written. */
  async function heal(): Promise<void> {
    if (state.storage === "disk") return;
    const waiting = unpersisted();
    // Behind what a row is writing, and not awaited: rows never wait for one another.
    for (const [id, row] of waiting) void write(id, row);
    if (waiting.length === 0) await refresh();
  }

  /** Writes everything that this tab knows; the other tabs do so too. */
  function restore(): void {
    if (gone || !state.loaded) return;
    void database.update<string>(DEVICE_KEY, (known) => known || state.device).catch(() => keepIn("memory"));
    for (const [id, mine] of records) {
      const row = rowOf(id);
      row.unpersisted = [(record) => reunited(mine, record), ...row.unpersisted];
      void write(id, row);
    }
  }

  function keepIn(storage: Store["storage"]): void {
    if (state.storage === storage) return;
    state.storage = storage;
    options.onStorage();
  }

  return {
    name,
    get storage() {
      return state.storage;
    },
    get loaded() {
      return state.loaded;
    },
    get device() {
      return state.device;
    },
    get lost() {
      return state.lost;
    },
    ready,
    records,
    change,
    dismissLost() {
      state.lost = false;
      changed([]);
    },
    refresh,
    heal,
    async forget() {
      gone = true;
      records.clear();
      eraseMarks(owner);
      await ready;
      records.clear();
      database.release();
      await forgetDatabases(name, prefix, environment);
    },
    abandon() {
      gone = true;
      database.release();
    },
    release: database.release,
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
