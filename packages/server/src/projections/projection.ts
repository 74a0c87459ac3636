import type { Kysely, RawBuilder, Transaction } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { ApplicationTables } from "../postgres/application-tables.ts";
import type { FeedSource } from "./source.ts";

/** What a handler gets beside its entries. `Tables` are the tables whose types `tx` knows. */
export interface ProjectionContext<Tables = ApplicationTables> {
  /** The transaction that also notes that the entries are applied. Everything that a handler writes with it commits with that note, or not at all. */
  readonly tx: Transaction<Tables>;
  /**
   * The name that a table of the option `tables` has now. While a new version is built, it is another one than the table
   * that the application reads.
   */
  table<Name extends string>(name: Name): Name;
  /**
   * Whether the entries come from a scan: it reads all rows in the order of their key, at the beginning, and once more after
   * the restore of a dump into another cluster. `after` is the key of the row before them, null at the start. Null if the
   * entries are new ones. Only a source without numbers needs it.
   */
  readonly scan: { readonly after: readonly string[] | null } | null;
}

/** Creates a table of the application under a name. */
export type CreateTable = (db: Kysely<ApplicationTables>, table: RawBuilder<unknown>) => Promise<unknown>;

type Eventually = void | Promise<void>;

interface CommonOptions {
  /** Lower-case letters, digits and `_`: `"transfer_search"`. */
  readonly name: string;
  /**
   * Where it begins. `"history"`, the default: at the first entry that the source has. `"now"`: with the entries that are
   * written after it was first started, as befits a mail.
   */
  readonly begins?: "history" | "now";
  /**
   * Raise it when the handler changes so that its tables must be filled anew. Default 1. A new version fills new tables
   * beside those that the application reads, from the whole history. Then they take their place, in one transaction.
   */
  readonly version?: number;
  /**
   * The tables that the projection fills, by name, each with a function that creates it under a given name. A projection
   * that has them can be rebuilt. Handlers ask for the names by `table`.
   *
   * @example
   * tables: { transfer_search: (db, table) => sql`create table ${table} (id uuid primary key, owner text)`.execute(db) }
   */
  readonly tables?: Readonly<Record<string, CreateTable>>;
  /** Into how many parts the work is split, for as many nodes. Default 1. A later version may have another number. */
  readonly buckets?: number;
  /** How long the handlers of one batch may take together, in milliseconds. Default 10,000. */
  readonly handlerMs?: number;
}

/**
 * The options of {@link project}. `handle` is called for each entry, in the order of its stream. `handleBatch` gets many
 * entries at once, of many streams, those of one stream in their order: one statement can then write all of them. Both run
 * in the transaction that also notes that the entries are applied. They may run again when it is retried, so they must have
 * no effects outside of the database.
 */
export type ProjectionOptions<Entry, Tables = ApplicationTables> = CommonOptions &
  (
    | { handle(entry: Entry, context: ProjectionContext<Tables>): Eventually; readonly handleBatch?: never }
    | {
        handleBatch(entries: readonly Entry[], context: ProjectionContext<Tables>): Eventually;
        readonly handle?: never;
      }
  );

/** A source with the handler of its entries. Made by {@link project}. */
export interface Projection {
  readonly name: string;
  readonly version: number;
  readonly tables: Readonly<Record<string, CreateTable>> | undefined;
  readonly begins: "history" | "now";
  readonly buckets: number;
  readonly handlerMs: number;
  readonly source: FeedSource<unknown>;
  apply(entries: readonly unknown[], context: Readonly<Record<keyof ProjectionContext, unknown>>): Promise<void>;
}

/**
 * Describes a projection: what follows from the entries of a source, in tables of the application.
 *
 * @throws {SessionsError} `configuration_invalid` for an option that cannot work.
 * @example
 * project(sessionHistory([transfer]), {
 *   name: "completed_mail",
 *   begins: "now",
 *   handle: async (entry, { tx }) => {
 *     if (entry.status === "completed") await tx.insertInto("outbox").values({ owner: entry.owner }).execute();
 *   },
 * })
 */
export function project<Entry, Tables = ApplicationTables>(
  source: FeedSource<Entry>,
  options: ProjectionOptions<Entry, Tables>,
): Projection {
  const { name, version = 1, tables, begins = "history", buckets = 1, handlerMs = 10_000 } = options;
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name)) {
    throw new SessionsError(
      "configuration_invalid",
      "`name` of a projection is 1 to 40 lower-case letters, digits and _.",
    );
  }
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > 64) {
    throw new SessionsError("configuration_invalid", `Projection ${name}: \`buckets\` is a whole number from 1 to 64.`);
  }
  const invalid = (problem: string) => new SessionsError("configuration_invalid", `Projection ${name}: ${problem}`);
  if (!Number.isInteger(version) || version < 1) throw invalid("`version` is a whole number from 1.");
  if (version > 1 && tables === undefined) {
    throw invalid(
      "`version` needs `tables`: without them, the whole history would be applied to the same tables again.",
    );
  }
  if (begins === "now" && tables !== undefined) {
    throw invalid('with `begins: "now"` there is no history to fill `tables` from.');
  }
  for (const table of Object.keys(tables ?? {})) {
    if (!/^[a-z_][a-z0-9_]{0,49}$/.test(table)) throw invalid("a table's name is up to 50 of a-z, 0-9 and _.");
  }
  return {
    name,
    version,
    tables,
    begins,
    buckets,
    handlerMs,
    source,
    async apply(givenEntries, givenContext) {
      // The source of this projection has made them.
      const entries = givenEntries as readonly Entry[];
      // The transaction reaches all tables of the database. Which of them it knows is a matter of types alone.
      const context = givenContext as ProjectionContext<Tables>;
      if (options.handleBatch) return options.handleBatch(entries, context);
      for (const entry of entries) await options.handle(entry, context);
    },
  };
}
