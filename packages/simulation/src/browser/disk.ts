import { IDBFactory } from "fake-indexeddb";
import type { SessionRecord } from "../../../client/src/record/record.ts";
import type { SimulatedProcess } from "../simulated-process.ts";

/** How a device's IndexedDB is. */
export type DiskState = "fine" | "refused" | "full" | "frozen" | "absent";

/** The IndexedDB of a device. Its tabs share it, and it fails as `state` says. */
export class Disk {
  #factory = new IDBFactory();
  readonly #connections = new Map<IDBDatabase, SimulatedProcess>();
  readonly #delayed: (() => void)[] = [];
  #state: DiskState = "fine";

  get state(): DiskState {
    return this.#state;
  }

  setState(state: DiskState): void {
    this.#state = state;
    if (state !== "frozen") for (const run of this.#delayed.splice(0)) run();
  }

  /** Runs a task of IndexedDB's, once the disk is not frozen. */
  run(task: () => void): void {
    if (this.#state === "frozen") this.#delayed.push(task);
    else task();
  }

  /** The browser closes every connection on its own. */
  closeAll(): void {
    for (const [connection, process] of this.#connections) {
      connection.close();
      process.run(() => connection.onclose?.(new Event("close")));
    }
    this.#connections.clear();
  }

  /** The browser deletes everything, as it does when space is short. */
  evict(): void {
    this.closeAll();
    this.#factory = new IDBFactory();
  }

  /** `indexedDB` as a tab gets it. `opened` is called with each connection. */
  openFor(process: SimulatedProcess, opened: (connection: IDBDatabase) => void): IDBFactory | undefined {
    if (this.#state === "absent") return undefined;
    const open = (name: string, version?: number): IDBOpenDBRequest => {
      if (this.#state === "refused") throw new DOMException("The disk refuses.", "UnknownError");
      const factory = this.#factory;
      const request = factory.open(name, version);
      request.addEventListener("success", () => {
        const connection = request.result;
        this.#prepare(connection, process);
        opened(connection);
        // The opened database was deleted meanwhile. The caller gets its answer first.
        if (factory !== this.#factory) queueMicrotask(() => this.closeAll());
      });
      return request;
    };
    return new Proxy(this.#factory, {
      get: (_, key) => {
        if (key === "open") return open;
        // After an eviction there is another factory.
        const value: unknown = Reflect.get(this.#factory, key);
        return typeof value === "function" ? value.bind(this.#factory) : value;
      },
    });
  }

  #prepare(connection: IDBDatabase, process: SimulatedProcess): void {
    this.#connections.set(connection, process);
    const dispatch = connection.dispatchEvent.bind(connection);
    // A page that sleeps gets no events.
    connection.dispatchEvent = (event) => {
      process.run(() => dispatch(event));
      return true;
    };
    const transact = connection.transaction.bind(connection);
    connection.transaction = (...given) => {
      if (this.#state === "refused") throw new DOMException("The disk refuses.", "UnknownError");
      const transaction = transact(...given);
      const objectStore = transaction.objectStore.bind(transaction);
      transaction.objectStore = (name) => {
        const store = objectStore(name);
        const put = store.put.bind(store);
        store.put = (...value) => {
          const request = put(...value);
          // As browsers do: the request succeeds, and the transaction does not.
          request.addEventListener("success", () => this.#state === "full" && abort(transaction));
          return request;
        };
        // A commit asked for at once would be too late to fail.
        return store;
      };
      if ("commit" in transaction) {
        const commit = transaction.commit.bind(transaction);
        transaction.commit = () => (this.#state === "full" ? undefined : commit());
      }
      return transaction;
    };
  }

  /** Whether the disk has data of an owner. */
  holds(owner: string): boolean {
    return this.#databases().some(([name, { rawObjectStores }]) => {
      const { records } = rawObjectStores.get("records") ?? {};
      return name.startsWith(`sessions:${owner}:`) && [...(records?.values() ?? [])].some(({ value }) => value !== "");
    });
  }

  /** The record of an owner's session on the disk; undefined when there is none. */
  recordOf(owner: string, session: string): SessionRecord | undefined {
    for (const [name, { rawObjectStores }] of this.#databases()) {
      if (!name.startsWith(`sessions:${owner}:`)) continue;
      const found = rawObjectStores.get("records")?.records.get(session);
      if (found) return found.value as SessionRecord;
    }
    return undefined;
  }

  /** Reads a private field of the library: its interface would take simulated time. */
  #databases() {
    const { _databases: databases } = this.#factory as unknown as { _databases: Map<string, RawDatabase> };
    return [...databases];
  }
}

interface RawDatabase {
  readonly rawObjectStores: Map<
    string,
    { readonly records: { get(key: string): { value: unknown } | undefined; values(): Iterable<{ value: unknown }> } }
  >;
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It has ended already.
  }
}
