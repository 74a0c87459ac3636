import { sameJson } from "@sessions/core/internal";
import { delMany, get } from "idb-keyval";
import { DEVICE_KEY, forgetDatabases, openDatabase } from "./database.ts";
import { isServerRender, type Environment } from "../environment.ts";
import { eraseDeviceCookies, readDeviceCookie, writeDeviceCookie, type DeviceCookie } from "./device-cookie.ts";
import { isUnsettled, type SessionRecord } from "../record/record.ts";
import { mergeOlderDatabase } from "./older-database.ts";
import { createRecords, type Records, type RecordsOptions } from "./records.ts";

/** Raise it when records get another shape. It is part of the database's name. */
const SCHEMA_VERSION = 1;

/** How many ended sessions stay on the disk to be read offline, if nothing in them is unsettled. */
const ENDED_KEPT = 50;

export interface StoreOptions extends Pick<
  RecordsOptions,
  "lift" | "conceals" | "onChange" | "onStorage" | "onStored"
> {
  readonly owner: string;
  readonly profile: string;
  readonly environment: Environment;
  readonly schemaVersion?: number;
  /** Called when another tab forgets the owner. It must abandon the store. */
  readonly onForgotten: () => void;
}

/** The stored data of one owner and profile: the sessions' records, and the device's id. */
export interface Store extends Pick<
  Records,
  "storage" | "isUnstored" | "change" | "refresh" | "heal" | "written" | "isSendable" | "mayBeSent"
> {
  /** Unique to the owner, the profile and the shape of the records. */
  readonly name: string;
  readonly records: Records["all"];
  readonly loaded: boolean;
  /** Resolves when all persisted records are in memory; never rejects. */
  readonly ready: Promise<void>;
  /** The device's id. It is final once `loaded` is true: a browser without the cookie may have another id on its disk. */
  readonly device: string;
  /** Whether the browser has deleted changes that this device had not sent. */
  readonly lost: boolean;
  /** The person knows that changes were lost. */
  dismissLost(): void;
  /** Deletes all local data of this owner, in every profile. From now on the store keeps nothing. */
  forget(): Promise<void>;
  /** From now on the store writes nothing, because another tab deleted all data. */
  abandon(): void;
  /** Closes the database until the next use. */
  release(): void;
  /** Waits for the writes that have begun, and then closes the database. Never rejects. */
  close(): Promise<void>;
}

export function createStore(options: StoreOptions): Store {
  const { owner, profile, environment, onForgotten, schemaVersion = SCHEMA_VERSION } = options;
  const prefix = `sessions:${encodeURIComponent(owner)}:`;
  const nameAt = (version: number) => `${prefix}${encodeURIComponent(profile)}:${version}`;
  const name = nameAt(schemaVersion);
  const readCookie = () => readDeviceCookie(owner, profile);
  // Whether something on the disk was unsent when this page opened. It is lost if the disk turns out to be empty.
  let { device = environment.id(), unsent: wasUnsent } = readCookie();
  let loaded = false;
  let gone = false;

  // `load` begins after this task, so a session that is opened in the task is read first.
  const ready = isServerRender() ? new Promise<void>(() => {}) : Promise.resolve().then(load);
  const database = openDatabase(name, environment, { onForgotten, onGone });
  const records = createRecords({ ...options, database, ready, isGone: () => gone, identify, onChange: changed });

  async function load(): Promise<void> {
    try {
      for (let version = 1; version < schemaVersion; version += 1)
        await mergeOlderDatabase(nameAt(version), database, environment);
      await records.refresh();
      await prune();
    } catch {
      records.setStorage("memory");
    }
    loaded = true;
    changed([...records.all.keys()]);
  }

  /** Gets the device's id from the disk, or writes it. A disk without it is new or was emptied. */
  async function identify(): Promise<void> {
    let known = await get<string>(DEVICE_KEY, database.transact);
    // After a sign-out in another tab there is "". Only a page that opened later goes on from it.
    if (loaded ? known === undefined : !known)
      await database.update<string>(DEVICE_KEY, (before) => (known = before) || device);
    if (known === undefined && wasUnsent) mark({ lost: true });
    wasUnsent = false;
    const issued = device;
    if (!loaded) device = known || device;
    // The stamps that were made until now have the other id.
    if (device !== issued) records.apply((record) => renamed(record, issued, device));
  }

  async function prune(): Promise<void> {
    const surplus = surplusOf(records.all);
    if (surplus.length > 0) await delMany(surplus, database.transact);
    records.release(surplus);
  }

  function mark(change: Partial<DeviceCookie>): void {
    // Another tab may have written it.
    const before = { ...readCookie(), device };
    const after = { ...before, ...change };
    // A device that has done nothing yet needs no cookie.
    if (!gone && !sameJson(before, after)) writeDeviceCookie(owner, profile, after);
  }

  function changed(ids: readonly string[]): void {
    // Without the disk, a page does not know the records that are on it.
    if (loaded && records.storage() === "disk") mark({ unsent: [...records.all.values()].some(isUnsettled) });
    options.onChange(ids);
  }

  /** Writes the device's id and all records again. Every tab does this with its own memory. */
  function onGone(): void {
    if (gone || !loaded) return;
    identify().catch(() => records.setStorage("memory"));
    records.restore();
  }

  return {
    ...records,
    name,
    records: records.all,
    get loaded() {
      return loaded;
    },
    get device() {
      return device;
    },
    get lost() {
      return readCookie().lost;
    },
    ready,
    dismissLost() {
      mark({ lost: false });
    },
    async forget() {
      gone = true;
      records.release([...records.all.keys()]);
      eraseDeviceCookies(owner);
      await ready;
      records.release([...records.all.keys()]);
      database.close();
      await forgetDatabases(name, prefix, environment);
    },
    abandon() {
      gone = true;
      database.close();
    },
    release: database.release,
    async close() {
      await ready;
      await records.written();
      database.close();
    },
  };
}

/** The ended sessions that the disk need not keep. Ids are in the order of their time. */
function surplusOf(records: Records["all"]): string[] {
  return [...records]
    .filter(([, record]) => record.snapshot?.endedAt && !isUnsettled(record))
    .map(([id]) => id)
    .sort()
    .slice(0, -ENDED_KEPT);
}

/** A record with another device id in place of the first one. */
function renamed(record: SessionRecord, from: string, to: string): SessionRecord {
  // The id is only in stamps, and stamps are at many depths.
  return JSON.parse(JSON.stringify(record).replaceAll(from, to)) as SessionRecord;
}
