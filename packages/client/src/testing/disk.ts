/** A device's IndexedDB as tests see and disturb it. */
import { onTestFinished } from "vitest";
import { openTab, quick, someone } from "./devices.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { transfer } from "./transfer.ts";

export const nameOf = (owner: string) => `sessions:${owner}::1`;

/** A device whose server is away, so that everything stays here. */
export function away(owner = someone()) {
  const server = new ScriptedServer([transfer]);
  server.faults.away = true;
  return { server, owner, open: (environment = quick) => openTab(server, { owner }, environment) };
}

/** Time that stands still for the disk's patience, until it is told to end. */
export function patience() {
  const ends = new Set<() => void>();
  const environment = {
    ...quick,
    after(ms: number, run: () => void) {
      if (ms !== 3_000) return quick.after(ms, run);
      ends.add(run);
      return () => ends.delete(run);
    },
  };
  return { environment, end: () => ends.forEach((run) => run()) };
}

export function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
  });
}

/** A connection of somebody who hears nothing. */
export async function deafConnection(owner: string): Promise<IDBDatabase> {
  const database = await result(indexedDB.open(nameOf(owner)));
  onTestFinished(() => database.close());
  return database;
}

/** What a page that is loaded now would find. */
export async function recordsOnDisk(owner: string): Promise<Record<string, unknown>[]> {
  const database = await result(indexedDB.open(nameOf(owner)));
  const all = await result(database.transaction("records").objectStore("records").getAll());
  database.close();
  return all.filter((value) => typeof value !== "string");
}
