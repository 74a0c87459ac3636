import { randomUUID } from "node:crypto";
import { durationMs, SessionsError, type Duration } from "@sessions/core/internal";
import { AuditSweeper } from "../audit-sweeper.ts";
import type { Bus } from "../bus/bus.ts";
import { removeClientErrorListeners } from "../postgres/connection/client-errors.ts";
import { createKysely, databaseKindOf, type Database, type DatabaseKind } from "../postgres/database.ts";
import { faultFrom, translateErrors } from "../postgres/errors.ts";
import { checkMigrated, migrate } from "../postgres/migrations.ts";
import { invalidOption } from "../option-checks.ts";
import { repeatSweeps } from "../repeated-sweeps.ts";
import { logFault } from "../report.ts";
import { waitUntilCaughtUp, type CaughtUpWith } from "./caught-up.ts";
import { observeLag } from "./lag-metrics.ts";
import { ProjectionOperator } from "./operator.ts";
import type { Projection } from "./projection.ts";
import { Projector, type ProjectorTiming } from "./projector.ts";
import type { ProjectionFault } from "./rows/faults.ts";
import { projectionMigrations } from "./rows/migrations.ts";
import { deleteAuditBefore, type OperatorReason } from "./rows/operator-actions.ts";
import { SourcePages } from "./rows/source-pages.ts";
import type { BuildStatus } from "./rows/status.ts";
import type { ProjectionTables } from "./rows/tables.ts";

/** How long `caughtUp` waits by default, in milliseconds. */
const CAUGHT_UP_MS = 5_000;

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
  /** For how long the audit keeps who retried or skipped an entry. Default `"730d"`. */
  readonly auditKept?: Duration;
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
  /**
   * Resolves when a projection has applied what is committed when this is called, of one session or of all: then a page
   * shows what its reader has just done. Any node may ask. Sessions that wait for a fault do not count with `"now"`.
   *
   * @throws {SessionsError} `projection_late` after `timeMs` milliseconds (default 5,000), or `projection_failed` when the
   *   session waits for a fault.
   * @example
   * await projections.caughtUp("transfer_search", { owner: user.id, session: id });
   */
  caughtUp(projection: string, what: CaughtUpWith, options?: { readonly timeMs?: number }): Promise<void>;
  /** How all builds of all projections stand. */
  status(): Promise<readonly BuildStatus[]>;
  /** The sessions that wait because their next entry has a fault, the longest waiting first. */
  faults(projection: string, options?: { readonly limit?: number }): Promise<readonly ProjectionFault[]>;
  /** Tries the entry of a fault again at once. The audit keeps who wanted it, and why. */
  retry(fault: ProjectionFault, reason: OperatorReason): Promise<void>;
  /** Counts the entry of a fault as applied, so that its session goes on behind it. False if it has been applied or skipped meanwhile. */
  skip(fault: ProjectionFault, reason: OperatorReason): Promise<boolean>;
  /**
   * Fills new tables from the whole history, beside those that the application reads. Then they take their place.
   *
   * @throws {SessionsError} `configuration_invalid` when the projection has no `tables`.
   */
  rebuild(projection: string): Promise<void>;
  /** Deletes the entries of the audit that are older than `auditKept`, and gives how many. A started node does so about every five minutes. */
  sweep(): Promise<number>;
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
  return createTimedProjections(options, {});
}

/** As {@link createProjections}. A test gives other times than those of {@link Projector}. */
export function createTimedProjections(options: ProjectionsOptions, timing: ProjectorTiming): Projections {
  const { database, projections, schema = "sessions", bus, auditKept = "730d", now = Date.now } = options;
  const { onError = logFault } = options;
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
  const keptMs = typeof auditKept === "string" ? durationMs(auditKept) : undefined;
  if (keptMs === undefined) throw invalidOption("auditKept", auditKept, 'a duration, such as "730d"');
  const db = createKysely<ProjectionTables>(database);
  const report = (error: unknown) => onError(faultFrom(error, { where: "In a projection." }));
  const operator = new ProjectionOperator({ db, schema, now });
  const projector = new Projector({ db, schema, node: randomUUID(), projections, now, report, ...timing });
  const sweeper = new AuditSweeper({
    keptMs,
    now,
    deleteBefore: (beforeMs, atMost) => deleteAuditBefore(db, schema, beforeMs, atMost),
  });
  let stopSweeps = () => Promise.resolve();
  let closeBus = () => Promise.resolve();
  let stopObserving = () => {};
  let closing: Promise<void> | undefined;

  return {
    migrate: () => translateErrors(() => migrate(db, schema, projectionMigrations(schema))),
    start: () =>
      translateErrors(async () => {
        await checkMigrated(db, schema, projectionMigrations(schema));
        await projector.start();
        stopObserving = observeLag(() => operator.status());
        stopSweeps = repeatSweeps(sweeper, report);
        const wake = () => projector.wake();
        if (bus) closeBus = bus.open({ onNotices: wake, onListeningChange: wake });
      }),
    caughtUp: (name, what, { timeMs = CAUGHT_UP_MS } = {}) =>
      translateErrors(() => {
        const projection = projections.find((one) => one.name === name);
        if (projection === undefined) {
          throw new SessionsError("configuration_invalid", `No projection is named ${JSON.stringify(name)} here.`);
        }
        const pages = new SourcePages(schema, projection.source);
        return waitUntilCaughtUp({ db, schema, projection, pages, timeMs }, what);
      }),
    status: () => translateErrors(() => operator.status()),
    faults: (name, { limit = 100 } = {}) => translateErrors(() => operator.faults(name, limit)),
    retry: (fault, reason) => translateErrors(() => operator.retry(fault, reason)),
    skip: (fault, reason) => translateErrors(() => operator.skip(fault, reason)),
    rebuild: (name) => translateErrors(() => operator.rebuild(name)),
    sweep: () => translateErrors(() => sweeper.sweep()),
    close: () => (closing ??= end()),
  };

  async function end(): Promise<void> {
    stopObserving();
    await stopSweeps();
    await closeBus();
    await projector.close();
    if (typeof database === "object") removeClientErrorListeners(database);
  }
}
