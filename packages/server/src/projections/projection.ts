import type { Transaction } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { ApplicationTables } from "../postgres/application-tables.ts";
import type { FeedSource } from "./source.ts";

/** What a handler gets beside its entries. */
export interface ProjectionContext {
  /** The transaction that also notes that the entries are applied. Everything that a handler writes with it commits with that note, or not at all. */
  readonly tx: Transaction<ApplicationTables>;
}

type Eventually = void | Promise<void>;

interface CommonOptions {
  /** Lower-case letters, digits and `_`: `"transfer_search"`. */
  readonly name: string;
  /**
   * Where it begins. `"history"`, the default: at the first entry that the source has. `"now"`: with the entries that are
   * written after it was first started, as befits a mail.
   */
  readonly begins?: "history" | "now";
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
export type ProjectionOptions<Entry> = CommonOptions &
  (
    | { handle(entry: Entry, context: ProjectionContext): Eventually; readonly handleBatch?: never }
    | { handleBatch(entries: readonly Entry[], context: ProjectionContext): Eventually; readonly handle?: never }
  );

/** A source with the handler of its entries. Made by {@link project}. */
export interface Projection {
  readonly name: string;
  readonly begins: "history" | "now";
  readonly buckets: number;
  readonly handlerMs: number;
  readonly source: FeedSource<unknown>;
  apply(entries: readonly unknown[], context: ProjectionContext): Promise<void>;
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
export function project<Entry>(source: FeedSource<Entry>, options: ProjectionOptions<Entry>): Projection {
  const { name, begins = "history", buckets = 1, handlerMs = 10_000 } = options;
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name)) {
    throw new SessionsError(
      "configuration_invalid",
      "`name` of a projection is 1 to 40 lower-case letters, digits and _.",
    );
  }
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > 64) {
    throw new SessionsError("configuration_invalid", `Projection ${name}: \`buckets\` is a whole number from 1 to 64.`);
  }
  return {
    name,
    begins,
    buckets,
    handlerMs,
    source,
    async apply(given, context) {
      // The source of this projection has made them.
      const entries = given as readonly Entry[];
      if (options.handleBatch) return options.handleBatch(entries, context);
      for (const entry of entries) await options.handle(entry, context);
    },
  };
}
