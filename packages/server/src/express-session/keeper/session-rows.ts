import { CompiledQuery, type Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { Committer, QueueFullError } from "../../postgres/committer.ts";
import { isDataError, isTransient } from "../../postgres/errors.ts";
import type { AdoptedTable } from "../rows/adopted-table.ts";
import {
  foundOf,
  readStatement,
  type FoundWebSession,
  type ReadRow,
  type WebSessionKey,
} from "../rows/read-statement.ts";
import type { Statement } from "../rows/statement.ts";
import type { WebSessionTables } from "../rows/tables.ts";
import { writeStatement, type WebSessionWrite } from "../rows/write-statement.ts";
import type { Adoption } from "./table-adoption.ts";
import { BatchedReads } from "./batched-reads.ts";
import type { StoreDatabase } from "./store-database.ts";

/** The most writes and characters in one statement, and the most writes that wait. */
const BATCH_SIZE = 200;
const BATCH_CHARACTERS = 8 * 1024 * 1024;
const QUEUE_SIZE = 100_000;

export interface Place {
  readonly schema: string;
  readonly namespace: string;
  readonly old?: AdoptedTable;
}

export interface SessionRowsOptions {
  readonly database: StoreDatabase;
  readonly namespace: string;
  /** The table that is taken over, if there is one. */
  readonly adoption: Adoption | undefined;
  readonly now: () => number;
}

/**
 * The rows of a store. Calls of the same moment share a statement. A database that answers before a call returns gets a
 * statement for each call, and so this class answers before its call returns.
 */
export class SessionRows {
  readonly #options: SessionRowsOptions;
  readonly place: Place;
  readonly #reads: BatchedReads;
  readonly #committer: Committer<WebSessionWrite>;

  constructor(options: SessionRowsOptions) {
    const { database, namespace, now } = options;
    this.#options = options;
    this.place = { schema: database.schema, namespace };
    this.#reads = new BatchedReads(async (keys) =>
      (await this.#ask<ReadRow>((place) => readStatement(place, keys))).map(foundOf),
    );
    this.#committer = new Committer({
      commit: async (batch) => madeOf(batch, await this.#ask((place) => writeStatement(place, batch, now()))),
      isTransient,
      isFaultOfOneWrite: isDataError,
      batchSize: BATCH_SIZE,
      bytesOf: ({ data = "" }) => data.length,
      batchBytes: BATCH_CHARACTERS,
      queueSize: QUEUE_SIZE,
    });
  }

  read(key: WebSessionKey): FoundWebSession | undefined | Promise<FoundWebSession | undefined> {
    const rows = this.#askSync<ReadRow>(() => readStatement(this.place, [key]));
    return rows === undefined ? this.#reads.read(key) : rows.map(foundOf)[0];
  }

  /** Whether the write was made. */
  write(write: WebSessionWrite): boolean | Promise<boolean> {
    const rows = this.#askSync<{ key: string }>(() => writeStatement(this.place, [write], this.#options.now()));
    return rows === undefined ? this.#commit(write) : madeOf([write], rows)[0]!;
  }

  /** Runs statements, on the adopted table too as long as there is one. */
  run<T>(work: (db: Kysely<WebSessionTables>, place: Place) => Promise<T>): Promise<T> {
    const { database, adoption } = this.#options;
    return database.run((db) =>
      adoption === undefined
        ? work(db, this.place)
        : adoption.with(db, (old) => work(db, { ...this.place, ...(old && { old }) })),
    );
  }

  #askSync<Row>(statement: () => Statement): Row[] | undefined {
    if (this.#options.adoption) return undefined;
    return this.#options.database.runSync((query) => {
      const { text, values } = statement();
      return query<Row>(text, values);
    });
  }

  async #ask<Row>(statement: (place: Place) => Statement): Promise<readonly Row[]> {
    return this.run(async (db, place) => {
      const { text, values } = statement(place);
      return (await db.executeQuery<Row>(CompiledQuery.raw(text, [...values]))).rows;
    });
  }

  async #commit(write: WebSessionWrite): Promise<boolean> {
    try {
      return await this.#committer.commit(write);
    } catch (error) {
      if (!(error instanceof QueueFullError)) throw error;
      throw new SessionsError("database_unreachable", `${QUEUE_SIZE} writes wait already: the database is too slow.`);
    }
  }
}

function madeOf(writes: readonly WebSessionWrite[], rows: readonly { readonly key: string }[]): readonly boolean[] {
  const made = new Set(rows.map(({ key }) => key));
  return writes.map(({ key }) => made.has(key));
}
