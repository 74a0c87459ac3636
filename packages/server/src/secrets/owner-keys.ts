import { createSecretKey, randomBytes, type KeyObject } from "node:crypto";
import type { Kysely } from "kysely";
import { LRUCache } from "lru-cache";
import { SessionsError } from "@sessions/core/internal";
import { keyedChainHash } from "../postgres/chain-hash.ts";
import { joinTransaction } from "../postgres/joined-transaction.ts";
import { lockOwner, writeCount, type StoredCount } from "../postgres/owner.ts";
import type { OwnerTables } from "../postgres/tables.ts";
import type { KeyProvider } from "./key-provider.ts";
import { KEY_BYTES } from "./key-ring.ts";
import { callProvider, keysMissing, unwrapKey } from "./provider-calls.ts";
import { insertOwnerKeys, listWrappingKeys, loadOwnerKeys, type LoadedKeys } from "./rows/owner-keys.ts";
import { keyCount, readCount, type CountHasher } from "./session-count.ts";

/** The keys of one owner, unwrapped. */
export interface OwnerKeySet {
  /** The generation that seals. */
  readonly generation: number;
  /** The data keys, by their generations. One that was destroyed is missing. */
  readonly dataKeys: ReadonlyMap<number, KeyObject>;
  /** The key of the histories' chains. It opens nothing. */
  readonly chainKey: KeyObject;
  /**
   * When the owner got the first keys, in milliseconds since 1970, if some of the owner's histories are older. Null if all
   * have hashes with the chain key.
   */
  readonly plainUntilMs: number | null;
}

/** Whether one of these keys seals. The data key of an owner who was erased is gone. */
export function seals({ dataKeys, generation }: OwnerKeySet): boolean {
  return dataKeys.has(generation);
}

/** Whether keys were loaded before these: a load may end after one that began later. No destroyed key comes back. */
function isOlder(keys: OwnerKeySet, than: OwnerKeySet | undefined): boolean {
  if (than === undefined) return false;
  return keys.generation < than.generation || (keys.generation === than.generation && seals(keys) && !seals(than));
}

export interface OwnerKeysOptions {
  readonly db: Kysely<OwnerTables>;
  readonly schema: string;
  /** Undefined for a node without keys. It finds out that it needs some, and can do no more. */
  readonly provider: KeyProvider | undefined;
  readonly now: () => number;
}

/** How many owners' keys are in memory, and for how long they are used without a look into the database. */
const CACHED_OWNERS = 10_000;
const CACHED_MS = 300_000;

/** The keys of owners: unwrapped, and kept in memory for some minutes. */
export class OwnerKeys {
  readonly #options: OwnerKeysOptions;
  readonly #db: Kysely<OwnerTables>;
  readonly #cached: LRUCache<string, OwnerKeySet>;
  /** Loads that have not ended. */
  readonly #loading = new Map<string, Promise<OwnerKeySet | null>>();
  /** Counts what was dropped: a load that was begun before is not cached. */
  #dropped = 0;

  constructor(options: OwnerKeysOptions) {
    this.#options = options;
    this.#db = options.db.withSchema(options.schema);
    this.#cached = new LRUCache({ max: CACHED_OWNERS, ttl: CACHED_MS, ttlResolution: 0, perf: { now: options.now } });
  }

  /** The owner's keys; null if the owner has none. They are loaded again if those in memory are older than `generation`. */
  find(owner: string, generation = 0): Promise<OwnerKeySet | null> {
    const isEnough = (keys: OwnerKeySet) => keys.generation >= generation;
    return this.#share(`${generation} ${owner}`, owner, isEnough, () => this.load(this.#db, owner));
  }

  /** The owner's keys. They are made if the owner has none that seals. */
  async ensure(owner: string): Promise<OwnerKeySet> {
    const keys = await this.#share(`ensure ${owner}`, owner, seals, () => this.make(this.#db, owner));
    // `make` always gives some.
    return keys!;
  }

  /** Reads the owner's keys in a transaction, and keeps nothing in memory: it may be rolled back. */
  async load(db: Kysely<OwnerTables>, owner: string): Promise<OwnerKeySet | null> {
    const rows = await loadOwnerKeys(db, owner);
    return rows.length === 0 ? null : this.#unwrapAll(owner, rows);
  }

  /**
   * As {@link load}, and makes what is missing. Two nodes may do this at the same time: the table takes one of each
   * generation, and both read it. From then on, a start needs the keys to count its session.
   */
  async make(db: Kysely<OwnerTables>, owner: string): Promise<OwnerKeySet> {
    const rows = await loadOwnerKeys(db, owner);
    if (rows.some(({ data }) => data !== null)) return this.#unwrapAll(owner, rows);
    const provider = this.#provider();
    const key = await callProvider(() => provider.current());
    const wrap = (bytes: Buffer) => callProvider(() => key.wrap(bytes));
    const newChain = rows.length === 0 ? randomBytes(KEY_BYTES) : null;
    const chainKey = newChain === null ? await this.#chainKey(rows) : createSecretKey(newChain);
    const createdMs = this.#options.now();
    const generation = {
      generation: (rows.at(-1)?.generation ?? 0) + 1,
      keyId: key.id,
      data: await wrap(randomBytes(KEY_BYTES)),
      chain: newChain && (await wrap(newChain)),
      createdMs,
    };
    await joinTransaction(db, async (tx) => {
      const { count } = await lockOwner(tx, owner, new Date(createdMs).toISOString());
      if (!(await insertOwnerKeys(tx, owner, generation))) return;
      const keyed = keyCount(hasherOf(chainKey), owner, count);
      if (keyed !== null) await writeCount(tx, owner, keyed);
    });
    return this.#unwrapAll(owner, await loadOwnerKeys(db, owner));
  }

  /** Forgets an owner's keys: another node has changed them. Without an owner, those of all: notices may have been lost. */
  drop(owner?: string): void {
    this.#dropped += 1;
    this.#loading.clear();
    if (owner === undefined) this.#cached.clear();
    else this.#cached.delete(owner);
  }

  /**
   * Checks that every key that wraps something in the database is there.
   *
   * @throws {SessionsError} `keys_missing`, which names the key.
   */
  async check(): Promise<void> {
    for (const { keyId, wrapped } of await listWrappingKeys(this.#db)) await this.#unwrap(keyId, wrapped);
  }

  /** `key` names the load: callers that ask for the same at the same time share it. */
  async #share(
    key: string,
    owner: string,
    isEnough: (keys: OwnerKeySet) => boolean,
    load: () => Promise<OwnerKeySet | null>,
  ): Promise<OwnerKeySet | null> {
    const found = this.#cached.get(owner);
    if (found !== undefined && isEnough(found)) return found;
    let loading = this.#loading.get(key);
    if (loading === undefined) {
      const droppedBefore = this.#dropped;
      loading = load().then((keys) => {
        if (keys !== null && this.#dropped === droppedBefore && !isOlder(keys, this.#cached.peek(owner))) {
          this.#cached.set(owner, keys);
        }
        return keys;
      });
      this.#loading.set(key, loading);
      const forget = () => {
        if (this.#loading.get(key) === loading) this.#loading.delete(key);
      };
      loading.then(forget, forget);
    }
    return loading;
  }

  async #unwrapAll(owner: string, rows: readonly LoadedKeys[]): Promise<OwnerKeySet> {
    const dataKeys = new Map<number, KeyObject>();
    for (const { generation, keyId, data } of rows) {
      if (data !== null) dataKeys.set(generation, await this.#unwrap(keyId, data));
    }
    const chainKey = await this.#chainKey(rows);
    const { generation, count } = rows.at(-1)!;
    const plainUntilMs = hasPlain(chainKey, owner, count) ? rows[0]!.createdMs : null;
    return { generation, dataKeys, chainKey, plainUntilMs };
  }

  async #chainKey(rows: readonly LoadedKeys[]): Promise<KeyObject> {
    const first = rows.find(({ chain }) => chain !== null);
    if (!first?.chain) throw new SessionsError("sealed_invalid", "An owner's keys have no chain key.");
    return this.#unwrap(first.keyId, first.chain);
  }

  async #unwrap(keyId: string, wrapped: Uint8Array): Promise<KeyObject> {
    const bytes = await unwrapKey(this.#provider(keyId), keyId, wrapped);
    if (bytes.length !== KEY_BYTES) {
      throw new SessionsError("sealed_invalid", `A key that key ${keyId} has wrapped is not 32 bytes long.`);
    }
    return createSecretKey(bytes);
  }

  #provider(keyId?: string): KeyProvider {
    const { provider } = this.#options;
    if (provider === undefined) throw keysMissing(keyId);
    return provider;
  }
}

function hasherOf(chainKey: KeyObject): CountHasher {
  return { chainHash: (before, text) => keyedChainHash(chainKey, before, text) };
}

function hasPlain(chainKey: KeyObject, owner: string, count: StoredCount | null): boolean {
  return count !== null && readCount(hasherOf(chainKey), owner, count)?.plain === true;
}
