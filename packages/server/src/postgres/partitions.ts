import { sql, type Kysely } from "kysely";
import type { Tables } from "./tables.ts";

const partitioned = ["session_archive", "session_event"] as const;

/** How long before a month begins its partitions are made, in milliseconds: longer than any transaction. */
const AHEAD_MS = 86_400_000;

/** One month's table. */
export interface Partition {
  readonly table: string;
  /** `session_archive` or `session_event`. */
  readonly of: string;
  /** As in "2026-11". */
  readonly month: string;
  readonly rows: number;
}

/** The monthly partitions of the archive and the history: made before a row needs them. */
export class Partitions {
  readonly #db: Kysely<Tables>;
  readonly #schema: string;
  readonly #present = new Map<string, Promise<void>>();
  /** Moments from which and before which all is known to be there. */
  #ensured = { fromMs: 0, beforeMs: 0 };

  constructor(db: Kysely<Tables>, schema: string) {
    this.#db = db;
    this.#schema = schema;
  }

  /** Makes sure that rows of this moment, and of the day after it, have their partitions. Not within a transaction. */
  async ensure(atMs: number): Promise<void> {
    if (atMs >= this.#ensured.fromMs && atMs < this.#ensured.beforeMs) return;
    await this.#month(atMs);
    await this.#month(atMs + AHEAD_MS);
    const at = new Date(atMs);
    const nextMonthMs = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1);
    if (atMs < nextMonthMs - AHEAD_MS) this.#ensured = { fromMs: atMs, beforeMs: nextMonthMs - AHEAD_MS };
  }

  /** Makes the partitions of this month and the following ones. */
  async ensureAhead(atMs: number, months: number): Promise<void> {
    const now = new Date(atMs);
    for (let ahead = 0; ahead <= months; ahead += 1) {
      await this.#month(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead));
    }
  }

  /** The months that have partitions, oldest first: their tables and how many rows Postgres believes they have. */
  async list(): Promise<readonly Partition[]> {
    const { rows } = await sql<{ parent: string; name: string; rows: string }>`
      select parent.relname as parent, child.relname as name, greatest(child.reltuples, 0)::bigint::text as rows
      from pg_inherits
      join pg_class as parent on parent.oid = inhparent
      join pg_class as child on child.oid = inhrelid
      join pg_namespace on pg_namespace.oid = parent.relnamespace
      where nspname = ${this.#schema} and parent.relname in (${sql.join(partitioned)})
      order by child.relname`.execute(this.#db);
    return rows.map(({ parent, name, rows: count }) => ({
      table: name,
      of: parent,
      month: name.slice(-7).replace("_", "-"),
      rows: Number(count),
    }));
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

  async #month(atMs: number): Promise<void> {
    const month = new Date(atMs).toISOString().slice(0, 7);
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
    const suffix = month.replace("-", "_");
    const names = partitioned.map((parent) => `${parent}_${suffix}`);
    if ((await this.#existing(this.#db, names)).length === names.length) return;

    const [year, number] = month.split("-").map(Number) as [number, number];
    const from = new Date(Date.UTC(year, number - 1)).toISOString();
    const to = new Date(Date.UTC(year, number)).toISOString();
    for (const parent of partitioned) {
      const name = `${parent}_${suffix}`;
      await this.#db.transaction().execute(async (tx) => {
        // It conflicts with itself and with no reader or writer: nodes that make the same partition take turns.
        await sql`lock table ${this.#table(parent)} in share update exclusive mode`.execute(tx);
        if ((await this.#existing(tx, [name])).length > 0) return;
        // Attaching takes a weaker lock on the parent than creating it in place.
        await sql`create table ${this.#table(name)} (like ${this.#table(parent)} including all)`.execute(tx);
        await sql`
          alter table ${this.#table(parent)} attach partition ${this.#table(name)}
          for values from (${sql.lit(from)}) to (${sql.lit(to)})`.execute(tx);
      });
    }
  }

  async #existing(db: Kysely<Tables>, names: readonly string[]): Promise<readonly string[]> {
    const { rows } = await sql<{ name: string }>`
      select table_name as name from information_schema.tables
      where table_schema = ${this.#schema} and table_name in (${sql.join(names)})`.execute(db);
    return rows.map(({ name }) => name);
  }

  #table(name: string) {
    return sql.table(`${this.#schema}.${name}`);
  }
}
