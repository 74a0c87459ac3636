import { durationMs } from "@sessions/core/internal";
import { AuditSweeper } from "../audit-sweeper.ts";
import { removeClientErrorListeners } from "../postgres/connection/client-errors.ts";
import { createKysely, databaseKindOf, poolSizeOf, type Database } from "../postgres/database.ts";
import { faultFrom, translateErrors } from "../postgres/errors.ts";
import { checkMigrated, migrate } from "../postgres/migrations.ts";
import { invalidOption, requireKnownOptions, requireSchema } from "../option-checks.ts";
import { repeatSweeps } from "../repeated-sweeps.ts";
import { logFault } from "../report.ts";
import { createOperatorKeeper } from "../sign-in/keeper/operator-keeper.ts";
import type { BusState, PoolState } from "./pages/page-context.ts";
import { OwnerCiphers } from "../secrets/owner-ciphers.ts";
import { Handler } from "./request/handler.ts";
import { requestFrom, send } from "./request/node-request.ts";
import { textAnswer } from "./request/answer.ts";
import type { Dashboard, DashboardOptions } from "./options.ts";
import { readInTime } from "./limited-reads.ts";
import { Readings } from "./readings.ts";
import { deleteAuditBefore } from "./rows/audit.ts";
import { dashboardMigrations } from "./rows/migrations.ts";
import type { DashboardSource, DashboardTables } from "./rows/tables.ts";

const knownOptions: Readonly<Record<keyof DashboardOptions, true>> = {
  database: true,
  authorize: true,
  schema: true,
  keys: true,
  databaseKind: true,
  flows: true,
  auditKept: true,
  bus: true,
  now: true,
  onError: true,
};

/**
 * Makes the dashboard for operators: pages about the sessions and sign-ins of a schema. Mount it below any path.
 *
 * @throws {SessionsError} `configuration_invalid` for an option that cannot work.
 * @example
 * const dashboard = createDashboard({
 *   database: pool,
 *   authorize: async ({ headers }) => {
 *     const { owner } = await signIns.read(headers);
 *     return owner !== null && operators.has(owner) ? { name: owner } : null;
 *   },
 * });
 * await dashboard.migrate();
 * app.use("/operators", dashboard.node);
 */
export function createDashboard(options: DashboardOptions): Dashboard {
  requireKnownOptions("createDashboard", options, knownOptions);
  const {
    database,
    authorize,
    schema = "sessions",
    auditKept = "730d",
    bus,
    now = Date.now,
    onError = logFault,
  } = options;
  if (typeof authorize !== "function") throw invalidOption("authorize", authorize, "a function");
  requireSchema(schema);
  const keptMs = typeof auditKept === "string" ? durationMs(auditKept) : undefined;
  if (keptMs === undefined) throw invalidOption("auditKept", auditKept, 'a duration, such as "730d"');

  const db = createKysely<DashboardTables>(database);
  const report = (error: unknown) => onError(faultFrom(error, { where: "In the dashboard." }));
  const ciphers = new OwnerCiphers({ db, schema, provider: options.keys, encrypt: "read", now });
  const signIns = createOperatorKeeper({
    database,
    databaseKind: options.databaseKind ?? databaseKindOf(database),
    schema,
    now,
    report: onError,
    ...(bus && { bus }),
  });
  let busState: BusState | null = bus ? { isListening: false, sinceMs: now() } : null;
  const closeBus = bus?.open({
    onNotices() {},
    onListeningChange: (isListening) => (busState = { isListening, sinceMs: now() }),
  });
  let checked: Promise<void> | undefined;
  const ready = async () => {
    checked ??= checkMigrated(db, schema, dashboardMigrations(schema));
    try {
      await checked;
    } catch (error) {
      checked = undefined;
      throw error;
    }
  };
  const sweeper = new AuditSweeper({
    keptMs,
    now,
    deleteBefore: async (beforeMs, atMost) => {
      await ready();
      return deleteAuditBefore({ db, schema }, beforeMs, atMost);
    },
  });
  const stopSweeps = repeatSweeps(sweeper, report);
  const context = {
    db,
    schema,
    now,
    readings: new Readings({ db, schema }, now),
    read: <T>(read: (source: DashboardSource) => Promise<T>) => readInTime({ db, schema }, read),
    cipherOf: (owner: string, generation?: number) => ciphers.forReading(owner, generation),
    flows: new Map((options.flows ?? []).map((flow) => [flow.name, flow])),
    signIns,
    pool: () => poolStateOf(database),
    bus: () => busState,
  };
  const handler = new Handler({ context, authorize, ready, report });
  let closing: Promise<void> | undefined;

  return {
    async node(incoming, response) {
      try {
        const request = await requestFrom(incoming);
        const answer =
          request === null ? textAnswer(413, "The form is too large.") : await handler.handle(request, incoming);
        await send(response, answer, incoming.method === "HEAD");
      } catch (error) {
        report(error);
        if (!response.headersSent) response.writeHead(500);
        response.end();
      }
    },
    fetch: (request) => handler.handle(request, null),
    migrate: () => translateErrors(() => migrate(db, schema, dashboardMigrations(schema))),
    sweep: () => sweeper.sweep(),
    close: () => (closing ??= end()),
  };

  async function end(): Promise<void> {
    await stopSweeps();
    await closeBus?.();
    await signIns.close();
    if (typeof database === "object") removeClientErrorListeners(database);
  }
}

/** A pool of `pg` tells how many connections it has. */
function poolStateOf(database: Database): PoolState | null {
  if (!("totalCount" in database && "idleCount" in database && "waitingCount" in database)) return null;
  const [open, idle, waiting] = [database.totalCount, database.idleCount, database.waitingCount].map(Number);
  return { open: open!, idle: idle!, waiting: waiting!, most: poolSizeOf(database) };
}
