import { del, entries, get, promisifyRequest, set, type UseStore } from "idb-keyval";
import { within, type Environment } from "../../environment.ts";
import { deleteDatabase } from "../../store/database.ts";
import type { AskedHandOff } from "../sign-in-api.ts";

/** How long a request is of use, in milliseconds: it can be approved for a minute, and then claimed for a minute. */
export const REQUEST_LIFE_MS = 120_000;
const STORE = "requests";
/** How long the disk may take, in milliseconds. */
const DISK_MS = 3_000;

/** A request of this browser, with the key that claims it. */
export interface KeptRequest extends AskedHandOff {
  /** WebCrypto does not export it. The browser stores it without showing it. */
  readonly privateKey: CryptoKey;
  /** When the server was asked, by this device's clock. */
  readonly askedAtMs: number;
}

/**
 * The requests of this browser on its disk, so that a page that was reloaded or killed can claim what was approved
 * meanwhile. One page holds a request at a time, because each claim ends the guest of the claim before. Another page gets it
 * after that page is gone. If the disk fails, the requests are in the memory of their pages alone.
 */
export interface KeptRequests {
  /** Gives the live requests that no page holds, and later those whose page is gone. Resolves after the first ones. */
  takeOver(take: (request: KeptRequest) => void): Promise<void>;
  /** Keeps a request, which this page holds. */
  keep(request: KeptRequest): Promise<void>;
  /** Deletes a request of this page: nobody can claim it any more. */
  remove(id: string): Promise<void>;
  /** Leaves the requests to other pages. */
  release(): void;
}

/** @param name Unique to the server. */
export function openKeptRequests(name: string, environment: Environment): KeptRequests {
  const over = new AbortController();
  const releases = new Map<string, () => void>();

  const store: UseStore = async (mode, work) => {
    const request = indexedDB.open(name);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    const database = await promisifyRequest(request);
    try {
      return await work(database.transaction(STORE, mode).objectStore(STORE));
    } finally {
      database.close();
    }
  };

  /** Uses the disk while no other page does, and deletes the database when nothing is in it. */
  async function onDisk<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await within(DISK_MS, environment, (signal) =>
        navigator.locks.request(name, { signal }, async () => {
          const result = await work();
          if ((await entries(store)).length === 0) await deleteDatabase(name);
          return result;
        }),
      );
    } catch {
      // Firefox stores no key in a private window, for example. Then a reload asks anew.
      return undefined;
    }
  }

  /** Holds a request until {@link KeptRequests.release}, or until this page is gone. False if another page has it, or if over. */
  function hold(id: string, options: LockOptions): Promise<boolean> {
    return new Promise((resolve) => {
      const held = (lock: Lock | null) => {
        resolve(lock !== null && !over.signal.aborted);
        if (lock === null || over.signal.aborted) return undefined;
        return new Promise<void>((release) => releases.set(id, release));
      };
      navigator.locks.request(`${name} ${id}`, options, held).catch(() => resolve(false));
    });
  }

  function letGo(id: string): void {
    releases.get(id)?.();
    releases.delete(id);
  }

  async function remove(id: string): Promise<void> {
    await onDisk(() => del(id, store));
    letGo(id);
  }

  return {
    async takeOver(take) {
      const kept = await onDisk(() => entries<string, KeptRequest>(store));
      const takeLater = async ({ id }: KeptRequest) => {
        if (!(await hold(id, { signal: over.signal }))) return;
        const left = await onDisk(() => get<KeptRequest>(id, store));
        if (left === undefined || over.signal.aborted) letGo(id);
        else take(left);
      };
      for (const [id, request] of kept ?? []) {
        if (environment.now() - request.askedAtMs > REQUEST_LIFE_MS) await remove(id);
        else if (await hold(id, { ifAvailable: true })) take(request);
        else void takeLater(request);
      }
    },
    async keep(request) {
      await hold(request.id, { ifAvailable: true });
      await onDisk(() => set(request.id, request, store));
    },
    remove,
    release() {
      over.abort();
      for (const id of releases.keys()) letGo(id);
    },
  };
}
