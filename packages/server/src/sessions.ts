import { TRPCError } from "@trpc/server";
import type { Kysely } from "kysely";
import { sql } from "kysely";
import { SessionsError, storable, withheld, type Snapshot } from "@sessions/core";
import { boundsFrom, type Bounds } from "./bounds.ts";
import type { Bus } from "./bus/bus.ts";
import { Engine } from "./engine.ts";
import { databaseFault, engineKindOf, kyselyOver, type Database, type EngineKind } from "./postgres/database.ts";
import { checkMigrated, migrate } from "./postgres/migrations.ts";
import { Partitions } from "./postgres/partitions.ts";
import type { Tables } from "./postgres/tables.ts";
import { Updates } from "./postgres/updates.ts";
import { Reader } from "./reader.ts";
import { Relay } from "./relay.ts";
import { createRouter } from "./router.ts";
import type { Served } from "./serve.ts";
import { Sweeper, type SweepOptions } from "./sweeper.ts";
import { Telemetry } from "./telemetry.ts";
import { WatchHub } from "./watch.ts";

/** How much memory remembered sessions take by default, roughly. */
const CACHE_BYTES = 64 * 1024 * 1024;

/** How often a node sweeps, in milliseconds; each waits up to half as long again, so that nodes drift apart. */
const SWEEP_MS = 300_000;

/** How many months of partitions `migrate` makes ahead. */
const MONTHS_AHEAD = 3;

export interface SessionsOptions<Context extends object> {
  /** A `pg` Pool, a PGlite, or any Kysely dialect for Postgres. It stays yours to close. */
  readonly database: Database;
  /**
   * Whose request this is, from the host router's context: an opaque id of up to 200 characters. Nothing when
   * nobody is signed in: every procedure then answers UNAUTHORIZED.
   */
  readonly identify: (context: Context) => Identified | Promise<Identified>;
  /** The flows that are served, each made by `serve`. */
  readonly flows: readonly Served[];
  /** What kind of Postgres `database` is. Default: `"pglite"` for a PGlite, else `"postgres"`. */
  readonly engine?: EngineKind;
  /** The Postgres schema that holds the tables. Default `"sessions"`. */
  readonly schema?: string;
  /**
   * Whether connections prepare the package's statements by name. Default true. Behind a pooler in transaction mode
   * that does not know of them, such as PgBouncer before 1.21, set it to false.
   */
  readonly prepare?: boolean;
  /** How this node hears of other nodes' commits, such as `postgresBus`. Without one, watchers see this node's only. */
  readonly bus?: Bus;
  /** Whether this node ends due sessions by itself, every few minutes. Default true. Deadlines hold without it. */
  readonly sweeps?: boolean;
  /** How much memory the sessions that a node remembers may take, in bytes, roughly. Default 64 MiB. */
  readonly cacheBytes?: number;
  /** What one owner, one request and one node may take at most, where it is not the default. */
  readonly bounds?: Partial<Bounds>;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** Told every fault. Default: to `console.error`, without the text of what caused it. */
  readonly onError?: (error: SessionsError) => void;
}

export type Identified = { readonly owner: string } | null | undefined | false | "" | 0;

export type SessionsRouter = ReturnType<typeof createRouter>;

export interface Sessions {
  /** Mount it: `t.router({ sessions: sessions.router })`. */
  readonly router: SessionsRouter;
  /** Creates the tables, or brings them up to date. Safe from many nodes at once. */
  migrate(): Promise<void>;
  /**
   * Whether the database answers and fits this version.
   *
   * @throws {SessionsError} `database_unreachable`, `database_not_migrated` or `database_newer`.
   */
  check(): Promise<void>;
  /** Ends the sessions whose deadline has passed, and moves them to the archive. Gives how many. Any node may. */
  sweep(options?: SweepOptions): Promise<number>;
  /**
   * Ends every stream, so that clients reconnect elsewhere, answers what was taken, and refuses what comes after
   * as temporarily unavailable. The database stays open: it is the application's.
   */
  close(): Promise<void>;
}

/**
 * Makes the server side: a tRPC router over sessions kept in Postgres.
 *
 * @throws {SessionsError} `configuration_invalid` for an option that cannot work.
 * @example
 * const sessions = createSessions({ database: pool, identify: (ctx) => ctx.user && { owner: ctx.user.id }, flows: [served] });
 * await sessions.migrate();
 * const appRouter = t.router({ sessions: sessions.router });
 */
export function createSessions<Context extends object>(options: SessionsOptions<Context>): Sessions {
  const { schema = "sessions", now = Date.now, onError = logFault, bus } = options;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new SessionsError("configuration_invalid", "`schema` is a lower-case Postgres name.");
  }
  const flows = new Map(options.flows.map((served) => [served.flow.name, served]));
  if (flows.size < options.flows.length) {
    throw new SessionsError("configuration_invalid", "Two flows have the same name.");
  }

  const db = kyselyOver(options.database, options.prepare === false ? undefined : { schema });
  const partitions = new Partitions(db, schema);
  const bounds = boundsFrom(options.bounds);
  const hub = new WatchHub(bounds.pageBytes);
  const report = (error: unknown) =>
    onError(databaseFault(error) ?? new SessionsError("internal", "In the background.", { cause: error }));
  const court = { db, schema, flows, now, bounds, updates: new Updates(schema), report: onError };
  const publish = (owner: string, snapshot: Snapshot) => {
    hub.publish(owner, snapshot);
    bus?.publish({ owner, session: snapshot.id, revision: snapshot.revision });
  };
  const telemetry = new Telemetry();
  const reader = new Reader({ court, partitions, publish });
  const engine = new Engine({
    ...court,
    reader,
    telemetry,
    kind: options.engine ?? engineKindOf(options.database),
    partitions,
    cacheBytes: options.cacheBytes ?? CACHE_BYTES,
    publish,
  });
  const sweeper = new Sweeper({ court, partitions, publish, telemetry });
  const relay =
    bus &&
    new Relay({
      bus,
      hub,
      page: (owner, ids) => reader.page(owner, ids),
      lacking: async (owner, { active, ended }, sinceMs) =>
        (await reader.lacking(owner, active, { sinceMs, ended })).ids,
      now,
      forget: (notice) => engine.forget(notice),
      report,
    });
  relay?.open();
  const stopSweeping =
    options.sweeps === false
      ? () => Promise.resolve()
      : repeat((signal) => sweeper.sweep({ signal }).then(() => {}, report));
  const stopObserving = telemetry.observe(
    () => hub.size,
    () => engine.queued,
  );
  const underWay = new Set<Promise<unknown>>();
  let closed = false;

  const router = createRouter({
    engine,
    reader,
    hub,
    now,
    told: (snapshot) => withheld(flows.get(snapshot.flow)?.flow, snapshot),
    report: onError,
    underWay,
    ownerOf: async (context) => {
      // The host's context type is not checked against a nested router's: what it holds is the host's word.
      const identified = await identifiedBy(() => options.identify(context as Context));
      if (closed) throw new SessionsError("closed", "Try another node.");
      return ownerFrom(identified);
    },
  });

  return {
    router,
    migrate: () =>
      withFaults(async () => {
        await migrate(db, schema);
        await partitions.ensureAhead(now(), MONTHS_AHEAD);
      }),
    check: () =>
      withFaults(async () => {
        await ping(db);
        await checkMigrated(db, schema);
      }),
    sweep: (sweepOptions) => withFaults(() => sweeper.sweep(sweepOptions)),
    close: async () => {
      closed = true;
      stopObserving();
      hub.close();
      while (underWay.size > 0) await Promise.allSettled(underWay);
      await stopSweeping();
      await relay?.close();
    },
  };
}

async function identifiedBy(identify: () => Identified | Promise<Identified>): Promise<Identified> {
  try {
    return await identify();
  } catch (cause) {
    if (cause instanceof TRPCError) throw cause;
    throw new SessionsError("identify_failed", "Nothing was read or written.", { cause });
  }
}

function ownerFrom(identified: Identified): string | undefined {
  if (!identified) return undefined;
  const { owner } = identified;
  if (typeof owner !== "string" || owner === "" || owner.length > 200 || !storable(owner).ok) {
    throw new SessionsError("context_invalid", "`identify` returns { owner }, a text of 1 to 200 characters.");
  }
  return owner;
}

async function ping(db: Kysely<Tables>): Promise<void> {
  await sql`select 1`.execute(db);
}

/**
 * Does something again and again, never twice at once and never alone keeping the process alive. Gives how to
 * stop: what is under way is told by its signal, and waited for.
 */
function repeat(work: (signal: AbortSignal) => Promise<void>): () => Promise<void> {
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const schedule = () => {
    if (stop.signal.aborted) return;
    const run = () => {
      running = work(stop.signal).finally(schedule);
    };
    timer = setTimeout(run, SWEEP_MS * (1 + Math.random() / 2)).unref();
  };
  schedule();
  return async () => {
    stop.abort();
    clearTimeout(timer);
    await running;
  };
}

async function withFaults<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw databaseFault(error) ?? error;
  }
}

function logFault(error: SessionsError): void {
  console.error([error.message, ...framesOf(error), ...causeOf(error)].join("\n"));
}

/** What an application or a driver threw, without its message: that may quote what a person typed. */
function causeOf({ cause }: SessionsError): readonly string[] {
  return cause instanceof Error ? [`  caused by ${cause.name}`, ...framesOf(cause)] : [];
}

function framesOf({ stack = "" }: Error): readonly string[] {
  return stack.split("\n").filter((line) => line.startsWith("    at "));
}
