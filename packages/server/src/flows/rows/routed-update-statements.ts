import { CompiledQuery, type Kysely } from "kysely";
import { joinTransaction } from "../../postgres/joined-transaction.ts";
import { writeCount, type StoredCount } from "../../postgres/owner.ts";
import { insertActiveAlone } from "./active.ts";
import { insertHistoryEntry } from "./history/history.ts";
import type { HistoryEntry } from "./history/history-entry.ts";
import type { NextRevision } from "./stored-session.ts";
import type { Tables } from "./tables.ts";
import { changed, rowOf, UpdateStatements, updateText, type Column, type SessionUpdate } from "./update-statements.ts";

/**
 * The same for a distributed Postgres. It sends a statement to the one shard of its owner, but never a statement that writes
 * and then inserts the rows that it wrote: that one runs as a two-phase commit over all workers. So a session and its entry
 * are written by two statements in one transaction.
 */
export class RoutedUpdateStatements extends UpdateStatements {
  readonly #text: string;

  constructor(schema: string) {
    super(schema);
    this.#text = `${updateText(schema, parameters)} returning revision`;
  }

  override async start(
    db: Kysely<Tables>,
    owner: string,
    next: NextRevision,
    entry: HistoryEntry,
    count: StoredCount | null,
  ): Promise<boolean> {
    return joinTransaction(db, async (tx) => {
      if (!(await insertActiveAlone(tx, owner, next))) return false;
      await writeCount(tx, owner, count);
      await insertHistoryEntry(tx, owner, entry);
      return true;
    });
  }

  /** A draft, which has no entry, needs no transaction. */
  override async writeOne(db: Kysely<Tables>, update: SessionUpdate): Promise<boolean> {
    const { owner, entry } = update;
    if (entry === null) return this.#update(db, update);
    return joinTransaction(db, async (tx) => {
      if (!(await this.#update(tx, update))) return false;
      await insertHistoryEntry(tx, owner, entry);
      return true;
    });
  }

  async #update(db: Kysely<Tables>, update: SessionUpdate): Promise<boolean> {
    const row = rowOf(update);
    const values = parameters.map((name) => row[name]);
    const { rows } = await db.executeQuery(CompiledQuery.raw(this.#text, values));
    return rows.length === 1;
  }
}

const parameters: readonly Column[] = ["owner_id", "id", "receipt", ...changed];
