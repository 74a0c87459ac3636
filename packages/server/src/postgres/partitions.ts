import { sql, type Kysely } from "kysely";
import type { Tables } from "./tables.ts";

const partitioned = ["session_archive", "session_event"] as const;

/** How long before a month begins its partitions are made, in milliseconds: longer than any transaction. */
const AHEAD_MS = 86_400_000;

/** The monthly partitions of the archive and the history: made before a row needs them. */
export class Partitions {
  readonly #db: Kysely<Tables>;
  readonly #schema: string;
  readonly #present = new Map<string, Promise<void>>();

  constructor(db: Kysely<Tables>, schema: string) {
    this.#db = db;
    this.#schema = schema;
  }

  /** Makes sure that rows of this moment, and of the day after it, have their partitions. Not within a transaction. */
  async ensure(atMs: number): Promise<void> {
    await this.#month(atMs);
    await this.#month(atMs + AHEAD_MS);
  }

  /** Makes the partitions of this month and the following ones. */
  async ensureAhead(atMs: number, months: number): Promise<void> {
    const now = new Date(atMs);
    for (let ahead = 0; ahead <= months; ahead += 1) {
      await this.#month(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead));
    }
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
