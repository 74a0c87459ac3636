import { sql, type Kysely } from "kysely";
import type { OwnerTables } from "../tables.ts";
import { textHash } from "./text-hash.ts";

/** How long the places of the shards are cached, in milliseconds. A shard moves when an operator says so. */
const CACHED_MS = 60_000;

interface Shard {
  readonly from: number;
  readonly to: number;
  readonly worker: string;
}

/** Knows the worker that has the rows of an owner. It asks the coordinator alone, so that a worker cannot hold it up. */
export class OwnerWorkers {
  readonly #db: () => Kysely<OwnerTables>;
  readonly #schema: string;
  #cached: { readonly atMs: number; readonly shards: Promise<readonly Shard[]> } | undefined;

  constructor(db: () => Kysely<OwnerTables>, schema: string) {
    this.#db = db;
    this.#schema = schema;
  }

  /** Undefined if the tables are not distributed, or the coordinator does not answer. */
  async workerOf(owner: string): Promise<string | undefined> {
    const hash = textHash(owner);
    const shards = await this.#shards().catch(() => []);
    return shards.find(({ from, to }) => from <= hash && hash <= to)?.worker;
  }

  #shards(): Promise<readonly Shard[]> {
    const nowMs = performance.now();
    if (this.#cached !== undefined && this.#cached.atMs > nowMs - CACHED_MS) return this.#cached.shards;
    const shards = this.#read();
    this.#cached = { atMs: nowMs, shards };
    shards.catch(() => (this.#cached = undefined));
    return shards;
  }

  async #read(): Promise<readonly Shard[]> {
    const db = this.#db();
    const { rows: found } = await sql<{ there: string }>`
      select (to_regclass('pg_catalog.pg_dist_placement') is not null)::text as there`.execute(db);
    if (found[0]?.there !== "true") return [];
    const { rows } = await sql<{ from: string; to: string; worker: string }>`
      select shardminvalue as from, shardmaxvalue as to, min(groupid)::text as worker
      from pg_dist_shard join pg_dist_placement using (shardid) join pg_class on pg_class.oid = logicalrelid
        join pg_namespace on pg_namespace.oid = relnamespace
      where nspname = ${this.#schema} and relname = 'owner' and shardminvalue is not null
      group by shardminvalue, shardmaxvalue`.execute(db);
    return rows.map(({ from, to, worker }) => ({ from: Number(from), to: Number(to), worker }));
  }
}
