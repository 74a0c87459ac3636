import { setTimeout as wait } from "node:timers/promises";
import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { removeClientErrorListeners } from "../../postgres/connection/client-errors.ts";
import { createKysely, type Database } from "../../postgres/database.ts";
import { databaseFault } from "../../postgres/errors.ts";
import { checkMigrated, migrate, missingMigrations } from "../../postgres/migrations.ts";
import { webSessionMigrations } from "../rows/migrations.ts";
import type { WebSessionTables } from "../rows/tables.ts";
import { SynchronousDialect, type QuerySync } from "./synchronous-dialect.ts";

/** How long Postgres may be away before a call fails, in milliseconds. A restart takes about a second. */
const AWAY_MS = 2_000;
const RETRY_MS = 100;

export interface StoreDatabaseOptions {
  /** Opens the database, at the first call. */
  readonly open: () => Promise<{ readonly database: Database; readonly close: () => Promise<void> }>;
  readonly schema: string;
  /** Whether it creates the tables. */
  readonly migrates: boolean;
  readonly prepare: boolean;
}

interface Opened {
  readonly database: Database;
  readonly db: Kysely<WebSessionTables>;
  readonly close: () => Promise<void>;
}

/** The database of a store. It is opened when it is used for the first time. */
export class StoreDatabase {
  readonly schema: string;
  readonly #options: StoreDatabaseOptions;
  #opening: Promise<Opened> | undefined;
  #migrated: Promise<void> | undefined;
  /** Set when the tables are there. */
  #synchronous: SynchronousDialect | undefined;
  #isClosed = false;

  constructor(options: StoreDatabaseOptions) {
    this.#options = options;
    this.schema = options.schema;
  }

  /**
   * Does work on the database, and again if Postgres was away: so the same work, done twice, must be the work done once.
   *
   * @throws {SessionsError}
   */
  async run<T>(work: (db: Kysely<WebSessionTables>) => Promise<T>): Promise<T> {
    const untilMs = performance.now() + AWAY_MS;
    for (;;) {
      try {
        return await work(await this.#ready());
      } catch (error) {
        const fault = databaseFault(error);
        if (fault?.code !== "database_unreachable" || performance.now() > untilMs) throw fault ?? error;
        await wait(RETRY_MS);
      }
    }
  }

  /**
   * Does work before the call returns. Gives undefined, and does nothing, if the database cannot answer so soon, or not yet.
   *
   * @throws {SessionsError}
   */
  runSync<T>(work: (query: QuerySync) => T): T | undefined {
    const query = this.#isClosed ? undefined : this.#synchronous?.query;
    if (query === undefined) return undefined;
    try {
      return work(query);
    } catch (error) {
      throw databaseFault(error) ?? error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#opening?.catch(() => undefined))?.close();
  }

  /** Opens the database, if it is not open. A call that needs it tells its error. */
  open(): void {
    this.#ready().catch(() => {});
  }

  async #ready(): Promise<Kysely<WebSessionTables>> {
    if (this.#isClosed) throw new SessionsError("closed", "The store was closed.");
    this.#opening ??= this.#open();
    const { db, database } = await this.#opening.catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    this.#migrated ??= this.#migrate(db);
    await this.#migrated.catch((error: unknown) => {
      this.#migrated = undefined;
      throw error;
    });
    if (database instanceof SynchronousDialect) this.#synchronous = database;
    return db;
  }

  async #open(): Promise<Opened> {
    const { open, prepare, schema } = this.#options;
    const { database, close } = await open();
    const db = createKysely<WebSessionTables>(database, prepare ? { schema } : undefined);
    return {
      database,
      db,
      close: async () => {
        if (typeof database === "object") removeClientErrorListeners(database);
        await close();
      },
    };
  }

  async #migrate(db: Kysely<WebSessionTables>): Promise<void> {
    const { schema, migrates } = this.#options;
    const migrations = webSessionMigrations(schema);
    if (!migrates) return checkMigrated(db, schema, migrations);
    if ((await missingMigrations(db, schema, migrations)).length > 0) await migrate(db, schema, migrations);
  }
}
