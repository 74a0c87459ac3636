import { sql, type Kysely, type RawBuilder } from "kysely";
import type { DatabaseKind } from "./database.ts";
import { readShardSizes } from "./citus/shard-sizes.ts";
import type { OwnerTables } from "./tables.ts";

/** How long before a month begins its partitions are made, in milliseconds: longer than any transaction. */
const AHEAD_MS = 86_400_000;

/** One month's table. */
export interface Partition {
  readonly table: string;
  /** The partitioned table that it is a part of. */
  readonly of: string;
  /** As in "2026-11". */
  readonly month: string;
  /** Its size on the disk, without its indexes. */
  readonly bytes: number;
  /** Postgres' own estimate of its rows, from its size; null if Postgres never analyzed it. */
  readonly estimate: number | null;
}

/** The number of rows of a month, and whether they were counted or estimated. */
export interface RowCount {
  readonly rows: number;
  readonly exact: boolean;
}

/** Larger tables are estimated: counting one reads all of it. */
const COUNTED_BYTES = 64 * 1024 * 1024;

/** The monthly partitions of some tables. They are made before a row needs them. */
export class Partitions {
  readonly #db: Kysely<OwnerTables>;
  readonly #schema: string;
  readonly #parents: readonly string[];
  readonly #kind: DatabaseKind;
  readonly #present = new Map<string, Promise<void>>();
  /** All partitions are there for moments from `fromMs` to before `beforeMs`. */
  #ensured = { fromMs: 0, beforeMs: 0 };

  /** `parents`: the names of the partitioned tables. `kind` is needed for sizes alone. */
  constructor(db: Kysely<OwnerTables>, schema: string, parents: readonly string[], kind: DatabaseKind = "postgres") {
    this.#db = db;
    this.#schema = schema;
    this.#parents = parents;
    this.#kind = kind;
  }

  /** Makes sure that rows of this moment, and of the day after it, have their partitions. Do not call it within a transaction. */
  async ensure(atMs: number): Promise<void> {
    if (atMs >= this.#ensured.fromMs && atMs < this.#ensured.beforeMs) return;
    await this.#ensureMonth(monthOf(atMs));
    await this.#ensureMonth(monthOf(atMs + AHEAD_MS));
    const at = new Date(atMs);
    const nextMonthMs = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1);
    if (atMs < nextMonthMs - AHEAD_MS) this.#ensured = { fromMs: atMs, beforeMs: nextMonthMs - AHEAD_MS };
  }

  /** Makes the partitions of this month and the following ones. */
  async ensureAhead(atMs: number, months: number): Promise<void> {
    for (const month of monthsAhead(atMs, months)) await this.#ensureMonth(month);
  }

  /** The months that have partitions: their tables, by name, the oldest of each first. */
  async list(): Promise<readonly Partition[]> {
    const { rows } = await sql<{ parent: string; name: string; bytes: string; estimate: string | null }>`
      select parent.relname as parent, child.relname as name, pg_relation_size(child.oid)::text as bytes,
        ${estimatedRows(sql.ref("child"))} as estimate
      from pg_inherits
      join pg_class as parent on parent.oid = inhparent
      join pg_class as child on child.oid = inhrelid
      join pg_namespace on pg_namespace.oid = parent.relnamespace
      where nspname = ${this.#schema} and parent.relname in (${sql.join(this.#parents)})
      order by child.relname`.execute(this.#db);
    const names = rows.map(({ name }) => name);
    const shards = this.#kind === "citus" ? await readShardSizes(this.#db, this.#schema, names) : undefined;
    return rows.map(({ parent, name, bytes, estimate }) => ({
      table: name,
      of: parent,
      month: name.slice(-7).replace("_", "-"),
      ...(shards?.get(name) ?? { bytes: Number(bytes), estimate: estimate === null ? null : Number(estimate) }),
    }));
  }

  /** How many rows a month's table has: counted, or estimated where counting would take long. */
  async count({ table, bytes, estimate }: Partition): Promise<RowCount> {
    return countOrEstimate(this.#db, this.#table(table), bytes, estimate);
  }

  /** The tables that `ensureAhead` would make. */
  async missingAhead(atMs: number, months: number): Promise<readonly string[]> {
    const wanted = monthsAhead(atMs, months).flatMap((month) => this.#tablesOf(month));
    const present = await this.#existing(this.#db, wanted);
    return wanted.filter((table) => !present.includes(table));
  }

  /** Drops a month's table, and with it everything that it holds. */
  async drop({ table, of, month }: Partition): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await sql`alter table ${this.#table(of)} detach partition ${this.#table(table)}`.execute(tx);
      await sql`drop table ${this.#table(table)}`.execute(tx);
    });
    this.#present.delete(month);
    this.#ensured = { fromMs: 0, beforeMs: 0 };
  }

  async #ensureMonth(month: string): Promise<void> {
    const known = this.#present.get(month);
    if (known !== undefined) return known;
    const making = this.#make(month);
    this.#present.set(month, making);
    try {
      await making;
    } catch (error) {
      this.#present.delete(month);
      throw error;
    }
  }

  async #make(month: string): Promise<void> {
    const names = this.#tablesOf(month);
    if ((await this.#existing(this.#db, names)).length === names.length) return;

    const [year, number] = month.split("-").map(Number) as [number, number];
    const from = new Date(Date.UTC(year, number - 1)).toISOString();
    const to = new Date(Date.UTC(year, number)).toISOString();
    for (const parent of this.#parents) {
      const name = tableOf(parent, month);
      await this.#db.transaction().execute(async (tx) => {
        // This lock does not block readers or writers. Nodes that make the same partition wait for each other.
        await sql`lock table ${this.#table(parent)} in share update exclusive mode`.execute(tx);
        if ((await this.#existing(tx, [name])).length > 0) return;
        // Attaching a table needs a weaker lock on the parent than creating a partition in place.
        await sql`create table ${this.#table(name)} (like ${this.#table(parent)} including all)`.execute(tx);
        await sql`
          alter table ${this.#table(parent)} attach partition ${this.#table(name)}
          for values from (${sql.lit(from)}) to (${sql.lit(to)})`.execute(tx);
      });
    }
  }

  async #existing(db: Kysely<OwnerTables>, names: readonly string[]): Promise<readonly string[]> {
    const { rows } = await sql<{ name: string }>`
      select table_name as name from information_schema.tables
      where table_schema = ${this.#schema} and table_name in (${sql.join(names)})`.execute(db);
    return rows.map(({ name }) => name);
  }

  #tablesOf(month: string): readonly string[] {
    return this.#parents.map((parent) => tableOf(parent, month));
  }

  #table(name: string) {
    return sql.table(`${this.#schema}.${name}`);
  }
}

/** How many rows a table has that is not partitioned: counted, or estimated where counting would take long. */
export async function countRows(
  db: Kysely<OwnerTables>,
  schema: string,
  table: string,
  kind: DatabaseKind = "postgres",
): Promise<RowCount> {
  const shards = kind === "citus" ? (await readShardSizes(db, schema, [table])).get(table) : undefined;
  if (shards) return countOrEstimate(db, sql.table(`${schema}.${table}`), shards.bytes, shards.estimate);
  const { rows } = await sql<{ bytes: string; estimate: string | null }>`
    select pg_relation_size(pg_class.oid)::text as bytes, ${estimatedRows(sql.ref("pg_class"))} as estimate
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = ${schema} and relname = ${table}`.execute(db);
  const { bytes, estimate } = rows[0] ?? { bytes: "0", estimate: null };
  return countOrEstimate(
    db,
    sql.table(`${schema}.${table}`),
    Number(bytes),
    estimate === null ? null : Number(estimate),
  );
}

async function countOrEstimate(
  db: Kysely<OwnerTables>,
  table: RawBuilder<unknown>,
  bytes: number,
  estimate: number | null,
): Promise<RowCount> {
  if (bytes > COUNTED_BYTES && estimate !== null) return { rows: estimate, exact: false };
  const { rows } = await sql<{ rows: string }>`select count(*)::text as rows from ${table}`.execute(db);
  return { rows: Number(rows[0]?.rows), exact: true };
}

/** Postgres' own estimate of a table's rows, for its size now, as text; null if it was never analyzed. */
export function estimatedRows(relation: RawBuilder<unknown>): RawBuilder<string | null> {
  return sql`
    case when ${relation}.reltuples >= 0 and ${relation}.relpages > 0 then
      round(${relation}.reltuples * pg_relation_size(${relation}.oid)
        / (${relation}.relpages * current_setting('block_size')::numeric))::text
    end`;
}

/** As in "2026-11". */
function monthOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 7);
}

/** This month and the following ones. */
function monthsAhead(atMs: number, months: number): readonly string[] {
  const now = new Date(atMs);
  return Array.from({ length: months + 1 }, (_, ahead) =>
    monthOf(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead)),
  );
}

function tableOf(parent: string, month: string): string {
  return `${parent}_${month.replace("-", "_")}`;
}
