import { sameJson, SessionsError, type AnyFlow, type Json } from "@sessions/core/internal";
import { entries, get, promisifyRequest } from "idb-keyval";
import type { Environment } from "../environment.ts";
import { liftRecord } from "../record/lift.ts";
import { mergeRecords } from "../record/merge.ts";
import { emptyRecord, type RecordUpdate, type SessionRecord } from "../record/record.ts";
import type { SessionsClient } from "../sessions.ts";
import { deleteDatabase, DEVICE_KEY, openDatabase } from "../store/database.ts";
import type { Store } from "../store/store.ts";
import { syncBySessions, type Sync } from "../sync/sync.ts";

export function syncOf(sessions: SessionsClient): Sync {
  const sync = syncBySessions.get(sessions);
  if (sync === undefined) throw new SessionsError("configuration_invalid", "`sessions` is no sessions client.");
  return sync;
}

/** An owner's sessions in one profile of this browser. */
export interface OwnersProfile {
  readonly owner: string;
  readonly to: Sync;
  readonly flows: readonly AnyFlow[];
  readonly environment: Environment;
}

/** Merges all records in the memory of a visitor's page into the owner's. It may be done again: then it adds what has changed. */
export async function mergeVisitorRecords(from: Store, to: Sync): Promise<void> {
  const merged = [...from.records].map(([id, record]) => to.store.change(id, adopting(record, from.device, to)));
  to.push();
  await Promise.all(merged);
}

/**
 * Moves the records that are on the disk, and then deletes the visitor's database. No page has it open. A record is deleted
 * there after the owner's database has it. False if that database refused one: then the visitor's stays.
 */
export async function moveVisitorDatabase(
  visitor: string,
  { owner, to, flows, environment }: OwnersProfile,
): Promise<boolean> {
  const name = `sessions:${visitor}:${to.store.name.slice(`sessions:${encodeURIComponent(owner)}:`.length)}`;
  const known = await indexedDB.databases?.();
  if (known && !known.some((database) => database.name === name)) return true;
  const from = openDatabase(name, environment);
  const device = (await get<string>(DEVICE_KEY, from.transact)) || to.store.device;
  for (const [id, record] of await entries<string, SessionRecord>(from.transact)) {
    if (id === DEVICE_KEY) continue;
    const flow = flows.find((one) => one.name === record.flow);
    await to.store.change(id, adopting(liftRecord(flow, { ...emptyRecord, ...record }), device, to));
    if (to.store.storage() === "memory") return false;
    await from.transact("readwrite", async (store) => {
      const reading = store.get(id);
      reading.onsuccess = () => {
        // Records are plain JSON. Only their interfaces have no index signature.
        if (sameJson(reading.result as Json, record as unknown as Json)) store.delete(id);
      };
      await promisifyRequest(store.transaction);
    });
  }
  to.push();
  const isEmpty = (await entries(from.transact)).every(([id]) => id === DEVICE_KEY);
  from.release();
  if (isEmpty) await deleteDatabase(name);
  return isEmpty;
}

/** The owner's record with a visitor's merged into it. */
function adopting(record: SessionRecord, device: string, to: Sync): RecordUpdate {
  return (own) => mergeRecords(own, renamed(record, device, to.store.device));
}

/**
 * A record with the owner's device in place of the visitor's. Queued commands stay as they are: they may have been sent, and
 * the server knows a repeat by its content.
 */
function renamed({ pending, ...record }: SessionRecord, from: string, to: string): SessionRecord {
  const text = JSON.stringify(record).replaceAll(from, to);
  // The text is a record's, in which only ids were replaced.
  return { ...(JSON.parse(text) as Omit<SessionRecord, "pending">), pending };
}
