import type { Kysely } from "kysely";
import { isVisitor, redact, SessionsError, type Snapshot } from "@sessions/core/internal";
import { SessionsAdoption } from "./sessions-adoption.ts";
import type { Adoption } from "../postgres/adoption.ts";
import { loadAdopter } from "../postgres/owner.ts";
import { ReplyRateLimit } from "./reads/reply-rate-limit.ts";
import { boundsFrom } from "./configuration/bounds.ts";
import { CommandProcessor } from "./commands/command-processor.ts";
import { databaseKindOf, createKysely, poolSizeOf } from "../postgres/database.ts";
import { faultFrom } from "../postgres/errors.ts";
import { KeyedQueue } from "../postgres/connection/keyed-queue.ts";
import { OwnerWorkers } from "../postgres/citus/owner-workers.ts";
import {
  OwnerConnections,
  defaultOwnerConnections,
  workerConnections,
} from "../postgres/connection/owner-connections.ts";
import { Partitions } from "../postgres/partitions.ts";
import { partitionedTables, type Tables } from "./rows/tables.ts";
import { removeClientErrorListeners } from "../postgres/connection/client-errors.ts";
import { RoutedUpdateStatements } from "./rows/routed-update-statements.ts";
import { UpdateStatements } from "./rows/update-statements.ts";
import { OwnerCiphers } from "../secrets/owner-ciphers.ts";
import { Expiry } from "./expiry.ts";
import { checkedOptions, type SessionsOptions } from "./options.ts";
import { createMaintenance, type Maintenance } from "./maintenance.ts";
import { closeWithin } from "./shutdown.ts";
import { LimitedReads } from "./reads/limited-reads.ts";
import { ReadQueue } from "./reads/read-queue.ts";
import type { Opener } from "./session-history.ts";
import { Reader } from "./reads/reader.ts";
import { Relay } from "./watch/relay.ts";
import { createRouter } from "./router.ts";
import { createLane, type Lane, type LaneOptions } from "../lane/lane.ts";
import { repeatSweeps } from "../repeated-sweeps.ts";
import { RefusalCounts } from "./refusal-counts.ts";
import { createService, type ServiceParts } from "./service/create-service.ts";
import type { Service, ServiceOptions } from "./service/service.ts";
import { SessionSweeper } from "./sweeper.ts";
import { identify } from "./configuration/identity.ts";
import { Telemetry } from "../telemetry.ts";
import { WatchHub } from "./watch/watch-hub.ts";

/** How long a command waits for its owner's turn, in milliseconds. After that it is refused as `busy`. */
const TURN_MS = 10_000;

/** How long `close()` waits beyond the time that a handler may run, in milliseconds. */
const CLOSE_MS = 5_000;

export type SessionsRouter = ReturnType<typeof createRouter>;

export interface Sessions extends Maintenance {
  /** Mount it: `t.router({ sessions: sessions.router })`. */
  readonly router: SessionsRouter;
  /**
   * Acts for an owner without a browser: a service or a job reads, starts, submits, drafts and cancels.
   *
   * @throws {SessionsError} `configuration_invalid` for an owner, a name or a proof that cannot be one.
   * @example
   * const job = sessions.as("ada", { name: "Standing orders" });
   * const started = await job.start(transfer, { session: order.session });
   */
  as(owner: string, options: ServiceOptions): Service;
  /**
   * Makes a handler that answers the sessions' requests before tRPC's own handler, in the same form and with less work:
   * `app.use("/trpc", sessions.lane({ router: appRouter, createContext }), createExpressMiddleware({ … }))`.
   *
   * @throws {SessionsError} `configuration_invalid` if `router` does not hold this router.
   */
  lane(options: LaneOptions): Lane;
  /** Gives the sessions of a visitor to the owner who signs in: `signIns.adopts(sessions.adoption)`. */
  readonly adoption: Adoption;
  /** Opens what is sealed, for a projection: `sessionHistory(flows, { opener: sessions.opener })`. */
  readonly opener: Opener;
  /**
   * Ends every stream, so that clients reconnect to another node. It answers the commands that it has received, and
   * refuses later requests as temporarily unavailable. The database stays open: the application closes it.
   */
  close(): Promise<void>;
}

/**
 * Makes the server side: a tRPC router for sessions that are kept in Postgres.
 *
 * @throws {SessionsError} `configuration_invalid` for an option that cannot work.
 * @example
 * const sessions = createSessions({ database: pool, identify: (ctx) => ctx.user && { owner: ctx.user.id }, flows: [served] });
 * await sessions.migrate();
 * const appRouter = t.router({ sessions: sessions.router });
 */
export function createSessions<Context extends object>(options: SessionsOptions<Context>): Sessions {
  const { database, schema, now, onError, bus, flows, cacheBytes, keys, encrypt } = checkedOptions(options);
  const kind = options.databaseKind ?? databaseKindOf(database);
  const poolSize = typeof database === "object" && database !== null ? poolSizeOf(database) : 1;
  const bounds = boundsFrom({ ownerConnections: defaultOwnerConnections(poolSize), ...options.bounds });
  const places = new OwnerWorkers(() => db, schema);
  const ownerConnections = new OwnerConnections({
    connections: bounds.ownerConnections,
    waitMs: TURN_MS,
    workers:
      kind === "citus"
        ? { connections: workerConnections(poolSize), workerOf: (owner) => places.workerOf(owner) }
        : undefined,
  });
  const db: Kysely<Tables> = createKysely(database, options.prepare === false ? undefined : { schema }, {
    ownerConnections,
  });
  const partitions = new Partitions(db, schema, partitionedTables);
  const hub = new WatchHub(bounds.pageBytes);
  const report = (error: unknown) => onError(faultFrom(error, { where: "In the background." }));
  const ownerTurns = new KeyedQueue({ concurrency: 1, waitMs: TURN_MS });
  const ciphers = new OwnerCiphers({ db, schema, provider: keys, encrypt, now });
  const context = {
    db,
    schema,
    ciphers,
    flows,
    now,
    bounds,
    ownerTurns,
    updates: kind === "citus" ? new RoutedUpdateStatements(schema) : new UpdateStatements(schema),
    report: onError,
  };
  const publish = (owner: string, snapshot: Snapshot) => {
    hub.publish(owner, snapshot);
    bus?.publish({ kind: "session", owner, session: snapshot.id, revision: snapshot.revision });
  };
  const telemetry = new Telemetry();
  const replyRateLimit = new ReplyRateLimit(
    bounds.ownerReplyBytes,
    now,
    Math.max(bounds.requestReplyBytes, bounds.pageBytes),
  );
  const refusals = new RefusalCounts({ db, schema, now, report });
  const expiry = new Expiry({ ...context, partitions, publish });
  const reader = new Reader({ ...context, expiry });
  const commands = new CommandProcessor({
    ...context,
    reader,
    telemetry,
    ownerConnections,
    replyRateLimit,
    kind,
    // The counts are of no owner, so a distributed Postgres has no place for them.
    countOutcome: (...counted) => kind !== "citus" && refusals.count(...counted),
    partitions,
    cacheBytes,
    publish,
  });
  const sweeper = new SessionSweeper({ ...context, expiry, telemetry });
  const isAdopted = async (owner: string) =>
    isVisitor(owner) && (await loadAdopter(db.withSchema(schema), owner)) !== null;
  const page = (owner: string, ids: readonly string[]) => reader.page(owner, ids);
  const dropOwner = (owner: string) => {
    commands.dropOwner(owner);
    ciphers.drop(owner);
    hub.end(owner);
  };
  const adoption = new SessionsAdoption({ database, schema, ciphers, partitions, hub, bus, page, now, report });
  const relay =
    bus &&
    new Relay({
      bus,
      hub,
      page,
      missing: (owner, { active, ended }, sinceMs) => reader.missing(owner, active, { sinceMs, ended }),
      isAdopted,
      now,
      dropCached(notice) {
        commands.dropCached(notice);
        // Without a notice, any owner may have been erased.
        if (notice === undefined) ciphers.drop();
      },
      dropOwner,
      report,
    });
  relay?.open();
  const stopSweeping = options.sweeps === false ? () => Promise.resolve() : repeatSweeps(sweeper, report);
  const stopObserving = telemetry.observe(
    () => hub.size,
    () => commands.queued,
  );
  const inFlight = new Set<Promise<unknown>>();
  let closed = false;
  let closing: Promise<void> | undefined;

  const reads = new LimitedReads(new ReadQueue(bounds), replyRateLimit);
  const opener: Opener = { cipherOf: (owner, generation) => ciphers.forReading(owner, generation) };
  const answering = { commands, reader, reads, ownerConnections, inFlight, isAdopted, now };
  const serviceParts: ServiceParts = {
    ...answering,
    flows,
    isClosed: () => closed,
    exported: { db, schema, flowOf: (name) => flows.get(name)?.flow, cipherOf: opener.cipherOf },
    erasure: { db, schema, now, bus },
    dropOwner,
  };

  const router = createRouter({
    ...answering,
    hub,
    bounds,
    replyRateLimit,
    redact: (snapshot) => redact(flows.get(snapshot.flow)?.flow, snapshot),
    report: onError,
    identityOf: async (context) => {
      // tRPC does not check the type of a host's context against a nested router. The application says that it fits.
      const identity = await identify(() => options.identify(context as Context), bounds.handlerMs);
      if (closed) throw new SessionsError("closed", "Try another node.");
      if (identity !== undefined) ownerConnections.setOwner(identity.owner);
      return identity;
    },
  });

  return {
    router,
    as: (owner, serviceOptions) => createService(serviceParts, owner, serviceOptions),
    lane: (laneOptions) => createLane(router, laneOptions),
    adoption,
    opener,
    ...createMaintenance({ db, schema, kind, partitions, ciphers, sweeper, now }),
    close: () => (closing ??= end()),
  };

  async function end(): Promise<void> {
    closed = true;
    stopObserving();
    hub.close();
    // A handler may run for so long.
    await closeWithin(bounds.handlerMs + CLOSE_MS, { inFlight, stopSweeping, refusals, relay, report: onError });
    if (typeof database === "object") removeClientErrorListeners(database);
  }
}
