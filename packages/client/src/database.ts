import type { UseStore } from "idb-keyval";

const STORE = "records";

/** An IndexedDB database with one object store, opened when it is first used and again when the browser closed it. */
export interface Database {
  readonly use: UseStore;
  /** Lets go of the database, so that it can be deleted. Using it opens it again. */
  release(): void;
}

/** @param onDeleted Called when another tab wants the database gone. */
export function openDatabase(name: string, onDeleted: () => void): Database {
  let opening: Promise<IDBDatabase> | undefined;

  function release(): void {
    opening?.then((database) => database.close()).catch(() => {});
    opening = undefined;
  }

  function open(): Promise<IDBDatabase> {
    return (opening ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const database = request.result;
        // Browsers close a database on their own: Safari in the background, any when site data is cleared.
        database.onclose = () => (opening = undefined);
        // The version never changes, its number is in the name: this is a deletion.
        database.onversionchange = () => {
          database.close();
          onDeleted();
        };
        resolve(database);
      };
    }).catch((error: unknown) => {
      opening = undefined;
      throw error;
    }));
  }

  const use: UseStore = async (mode, callback) => {
    for (let attempt = 1; ; attempt += 1) {
      const database = await open();
      let transaction: IDBTransaction;
      try {
        transaction = database.transaction(STORE, mode);
      } catch (error) {
        // The handle went stale without a `close` event.
        opening = undefined;
        if (attempt > 1) throw error;
        continue;
      }
      return callback(transaction.objectStore(STORE));
    }
  };

  return { use, release };
}

/** Deletes every database whose name begins so. Emptied first, since a frozen tab can hold a deletion up for long. */
export async function deleteDatabases(own: Database, name: string, prefix: string): Promise<void> {
  await own.use("readwrite", (store) => {
    store.clear();
    return new Promise<void>((resolve, reject) => {
      store.transaction.oncomplete = () => resolve();
      store.transaction.onabort = () => reject(store.transaction.error);
    });
  });
  own.release();
  const found = (await indexedDB.databases?.()) ?? [];
  const names = new Set([
    name,
    ...found.map((database) => database.name ?? "").filter((other) => other.startsWith(prefix)),
  ]);
  await Promise.all([...names].map(deleteDatabase));
}

function deleteDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
    // It goes as soon as the last tab lets go of it.
    request.onblocked = () => resolve();
  });
}
