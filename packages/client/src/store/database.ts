import { promisifyRequest, type UseStore } from "idb-keyval";
import { within, type Environment } from "../environment.ts";

const STORE = "records";

/** The key of the device's id. It is "" once the owner has been forgotten. */
export const DEVICE_KEY = "device";

/** How long the disk may take, in milliseconds. All other tabs wait for a tab that sleeps in a transaction. */
const DISK_MS = 3_000;

/** An IndexedDB database with one object store. The first use opens it, and a later use opens it again if needed. */
export interface Database {
  /** Fails after {@link DISK_MS}: a transaction that has not completed by then never will. May call its callback twice. */
  readonly transact: UseStore;
  /** Reads, changes and writes in one transaction. Resolves when it has completed: if `strict`, on the disk itself. */
  update<T>(key: string, step: (value: T | undefined) => T, durability?: IDBTransactionDurability): Promise<void>;
  /** Closes the connection, so that the database can be deleted. The next use opens it again. */
  release(): void;
  /** Closes the connection for ever. Later uses fail, and do not make the database again. */
  close(): void;
}

export interface DatabaseEvents {
  /** Another tab forgets the owner. */
  readonly onForgotten: () => void;
  /** The browser or a person has closed or deleted the database. Its contents may be gone. */
  readonly onGone: () => void;
}

export function openDatabase(name: string, environment: Environment, events: Partial<DatabaseEvents> = {}): Database {
  const { onForgotten, onGone } = events;
  let opening: Promise<IDBDatabase> | undefined;
  let wasOpen = false;
  let closed = false;
  // While it is not known why the database is deleted, nothing opens it.
  let verdict = Promise.resolve();

  function drop(connection: typeof opening): void {
    connection?.then(
      (database) => database.close(),
      () => {},
    );
    if (opening === connection) opening = undefined;
  }

  function close(): void {
    closed = true;
    drop(opening);
  }

  function open(): Promise<IDBDatabase> {
    if (opening !== undefined) return opening;
    const connection: Promise<IDBDatabase> = verdict.then(() => connect(() => drop(connection)));
    return (opening = connection);
  }

  function connect(onEnd: () => void): Promise<IDBDatabase> {
    return new Promise<IDBDatabase>((resolve, reject) => {
      if (closed) throw new Error("Closed.");
      const request = indexedDB.open(name, 1);
      let isNew = false;
      request.onupgradeneeded = () => {
        isNew = true;
        // An open request that waited for the deletion must not make the database again.
        if (closed) request.transaction!.abort();
        else request.result.createObjectStore(STORE);
      };
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const database = request.result;
        // Safari closes a database of a page in the background. Every browser closes it when a person clears site data.
        database.onclose = () => {
          onEnd();
          onGone?.();
        };
        // This event is a deletion: the database's version never changes, because the number is in the name.
        database.onversionchange = () => {
          verdict = readDevice(database).then(
            (device) => {
              // Another tab has emptied the database, and deletes it next.
              if (device === "") close();
              (device === "" ? onForgotten : onGone)?.();
            },
            () => {},
          );
          onEnd();
        };
        resolve(database);
        if (isNew && wasOpen) onGone?.();
        wasOpen = true;
      };
    });
  }

  const transact = <T>(
    mode: IDBTransactionMode,
    callback: (store: IDBObjectStore) => T | PromiseLike<T>,
    durability: IDBTransactionDurability = "default",
  ): Promise<T> =>
    within(DISK_MS, environment, async (signal) => {
      for (let attempt = 1; ; attempt += 1) {
        const connection = open();
        try {
          const transaction = (await connection).transaction(STORE, mode, { durability });
          signal.onabort = () => abort(transaction);
          signal.throwIfAborted();
          return await callback(transaction.objectStore(STORE));
        } catch (error) {
          // A connection can fail without a `close` event, and WebKit's database process can crash ("UnknownError").
          drop(connection);
          if (attempt > 1 || signal.aborted) throw error;
        }
      }
    });

  return {
    transact,
    update: <T>(key: string, step: (value: T | undefined) => T, durability?: IDBTransactionDurability) =>
      transact(
        "readwrite",
        async (store) => {
          const { transaction } = store;
          const completed = promisifyRequest(transaction);
          const device = store.get(DEVICE_KEY);
          const reading = store.get(key);
          reading.onsuccess = () => {
            // Another tab has emptied the database, and deletes it next. Nothing may be in it again.
            if (device.result === "" && key !== DEVICE_KEY) {
              transaction.abort();
              return onForgotten?.();
            }
            store.put(step(reading.result as T | undefined), key);
            // Without this, the transaction waits for a page that falls asleep now, and so does every other tab.
            transaction.commit();
          };
          await completed;
        },
        durability,
      ),
    release: () => drop(opening),
    close,
  };
}

function readDevice(database: IDBDatabase): Promise<unknown> {
  return promisifyRequest(database.transaction(STORE).objectStore(STORE).get(DEVICE_KEY));
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // The transaction has completed already, and its event comes later.
  }
}

/** Deletes every database whose name begins with `prefix`. It empties each first: a frozen tab can delay a deletion. */
export async function forgetDatabases(name: string, prefix: string, environment: Environment): Promise<void> {
  const found = (await indexedDB.databases?.()) ?? [];
  const others = found.map((database) => database.name ?? "").filter((other) => other.startsWith(prefix));
  await Promise.all([...new Set([name, ...others])].map((one) => forgetDatabase(one, environment)));
}

async function forgetDatabase(name: string, environment: Environment): Promise<void> {
  const database = openDatabase(name, environment);
  await database.transact("readwrite", (store) => {
    store.clear();
    store.put("", DEVICE_KEY);
    return promisifyRequest(store.transaction);
  });
  database.release();
  await deleteDatabase(name);
}

/** Resolves when the database is deleted, or when its deletion waits only for other tabs to close it. */
export function deleteDatabase(name: string): Promise<unknown> {
  const request = indexedDB.deleteDatabase(name);
  return new Promise((resolve, reject) => {
    request.onsuccess = request.onblocked = resolve;
    request.onerror = () => reject(request.error);
  });
}
