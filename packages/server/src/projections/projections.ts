import { randomUUID } from "node:crypto";
import { SessionsError } from "@sessions/core/internal";
import type { Bus } from "../bus/bus.ts";
import { removeClientErrorListeners } from "../postgres/connection/client-errors.ts";
import { createKysely, databaseKindOf, type Database, type DatabaseKind } from "../postgres/database.ts";
import { databaseFault } from "../postgres/errors.ts";
import { checkMigrated, migrate } from "../postgres/migrations.ts";
import { logFault } from "../report.ts";
import type { Projection } from "./projection.ts";
import { Projector } from "./projector.ts";
import { projectionMigrations } from "./rows/migrations.ts";
import type { ProjectionTables } from "./rows/tables.ts";

export interface ProjectionsOptions {
  /** A `pg` Pool, a PGlite, or any Kysely dialect for Postgres: that of the sources. The application closes it, not `close()`. */
  readonly database: Database;
  /** The projections, each made by `project`. */
  readonly projections: readonly Projection[];
  /** The kind of Postgres of `database`. A distributed one is refused. Default: `"pglite"` for a PGlite, else `"postgres"`. */
  readonly databaseKind?: DatabaseKind;
  /** The Postgres schema that holds the tables of the sources. Default `"sessions"`. */
  readonly schema?: string;
  /** Tells this node about commits as soon as they happen. Without it, a node that has nothing to do looks once a second. */
  readonly bus?: Bus;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** Called with every fault. Default: it logs the fault to `console.error`. */
  readonly onError?: (error: SessionsError) => void;
}

export interface Projections {
  /** Creates the tables, or brings them up to date. Many nodes may call it at once. */
  migrate(): Promise<void>;
  /**
   * Begins to work. Any number of nodes may: one at a time works on each bucket of a projection, and another one takes over
   * when it ends or dies.
   *
   * @throws {SessionsError} `database_not_migrated`, `database_newer` or `database_unreachable`.
   */
  start(): Promise<void>;
  /** Ends the work after the running batches. The database stays open: the application closes it. */
  close(): Promise<void>;
}

/**
 * Makes the projections of an application, over the same database as their sources.
 *
 * @throws {SessionsError} `configuration_invalid` for an option that cannot work.
 * @example
 * const projections = createProjections({ database: pool, bus, projections: [completedMail] });
 * await projections.migrate();
 * await projections.start();
 */
export function createProjections(options: ProjectionsOptions): Projections {
  const { database, projections, schema = "sessions", bus, now = Date.now, onError = logFault } = options;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new SessionsError("configuration_invalid", "`schema` is a lower-case Postgres name.");
  }
  if ((options.databaseKind ?? databaseKindOf(database)) === "citus") {
    throw new SessionsError(
      "configuration_invalid",
      "Projections need one PostgreSQL: the nodes of a distributed one number their transactions each for itself.",
    );
  }
  if (new Set(projections.map(({ name }) => name)).size < projections.length) {
    throw new SessionsError("configuration_invalid", "Two projections have the same name.");
  }
  const db = createKysely<ProjectionTables>(database);
  const report = (error: unknown) =>
    onError(databaseFault(error) ?? new SessionsError("internal", "In a projection.", { cause: error }));
  const projector = new Projector({ db, schema, node: randomUUID(), projections, now, report });
  let closeBus = () => Promise.resolve();
  let closing: Promise<void> | undefined;

  return {
    migrate: () => translateErrors(() => migrate(db, schema, projectionMigrations(schema))),
    start: () =>
      translateErrors(async () => {
        await checkMigrated(db, schema, projectionMigrations(schema));
        await projector.start();
        const wake = () => projector.wake();
        if (bus) closeBus = bus.open({ onNotices: wake, onListeningChange: wake });
      }),
    close: () => (closing ??= end()),
  };

  async function end(): Promise<void> {
    await closeBus();
    await projector.close();
    if (typeof database === "object") removeClientErrorListeners(database);
  }
}

async function translateErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw databaseFault(error) ?? error;
  }
}
