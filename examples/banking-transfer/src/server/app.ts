import type { IncomingMessage, RequestListener } from "node:http";
import type { LaneContextOptions } from "@sessions/server";
import { createFunnels } from "@sessions/server/funnels";
import { createProjections } from "@sessions/server/projections";
import { createSignIns } from "@sessions/server/sign-in";
import type { TRPCError } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { Kysely } from "kysely";
import { transfer } from "../flow.ts";
import { DEMO_PASSWORD } from "../people.ts";
import type { Database } from "./database.ts";
import { forbidCaching, setSecurityHeaders } from "./http/headers.ts";
import { servePages } from "./http/pages.ts";
import type { BankTables } from "./ledger.ts";
import { createOperators, OPERATORS_PATH } from "./operators.ts";
import { createRouter, type Context } from "./router.ts";
import { spending } from "./spending.ts";
import { hashPassword } from "./sign-in/passwords.ts";
import { carryOutStandingOrders } from "./standing-orders.ts";
import { migrateBank } from "./tables.ts";
import { createTransfers } from "./transfers.ts";
import { createVisits, recordPages } from "./visits.ts";

/** The most calls in one request. The pages make one. */
const MAX_BATCH_SIZE = 5;

/** The greatest size of a request's body. A push of the sessions has less than 100 kB. */
const MAX_BODY_BYTES = 256 * 1024;

/** How often the bank looks for standing orders that are due, in milliseconds. */
const ORDERS_EVERY_MS = 60_000;

/** The most browsers in which one person is signed in. The next sign-in ends the oldest. */
const MAX_BROWSERS = 50;

export interface AppOptions {
  readonly database: Database;
  /** The folder of the built pages. */
  readonly pages: string;
  /** The header in which a proxy in front of the bank tells the country of a request. Default: none is known. */
  readonly placeHeader?: string | undefined;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

export interface App {
  readonly handle: RequestListener;
  /** Makes or updates the tables of the bank, of its sessions and of its sign-ins. */
  migrate(): Promise<void>;
  /** @throws {SessionsError} if the database cannot serve the sessions. */
  check(): Promise<void>;
  /** Begins to count how far people come, what they send, and their visits, and to carry out standing orders. */
  start(): Promise<void>;
  /** Ends open streams. */
  close(): Promise<void>;
}

/** The bank: its pages, its own procedures, its sessions and its sign-ins. */
export function createApp({ database, pages, placeHeader, now = Date.now }: AppOptions): App {
  const db = new Kysely<BankTables>({ dialect: database.dialect });
  const signIns = createSignIns({
    database: database.source,
    ...(database.bus && { bus: database.bus }),
    now,
    visitors: true,
    expires: { absolute: "7d" },
    atMost: { perOwner: MAX_BROWSERS, beyond: "end-oldest" },
    handOff: true,
    ...(placeHeader && { locate: ({ headers }) => headers.get(placeHeader) }),
  });
  const sessions = createTransfers(database, signIns, now);
  const visits = createVisits(database, now);
  signIns.adopts(sessions.adoption);
  signIns.adopts(visits.adoption);
  const funnels = createFunnels({ database: database.source, flows: [transfer] });
  const projections = createProjections({
    database: database.source,
    ...(database.bus && { bus: database.bus }),
    now,
    projections: [funnels.projection, spending],
  });
  const answering = {
    router: createRouter({ sessions, signIns, db, projections, visits, now }),
    createContext: async (request: LaneContextOptions): Promise<Context> => ({
      ...(await signIns.context(request)),
      address: request.req.socket.remoteAddress ?? "",
    }),
    maxBatchSize: MAX_BATCH_SIZE,
    maxBodySize: MAX_BODY_BYTES,
    onError({ error, path }: { readonly error: TRPCError; readonly path: string | undefined }) {
      if (error.code === "INTERNAL_SERVER_ERROR")
        console.error(`${path ?? "A procedure"} failed: ${error.cause?.name ?? error.code}.`);
    },
  };
  const lane = sessions.lane(answering);
  const procedures = createHTTPHandler({ basePath: "/trpc/", ...answering });
  const files = servePages(pages);
  const recordPage = recordPages(visits, signIns);
  const operators = createOperators({ database, db, now });

  let orders: NodeJS.Timeout | undefined;
  const carryOutOrders = () => carryOutStandingOrders(db, sessions, now());

  return {
    handle(req, res) {
      setSecurityHeaders(res);
      if (!methods.has(req.method)) return void res.writeHead(405, { allow: [...methods].join(", ") }).end();
      if (req.url?.split("?", 1)[0] === OPERATORS_PATH) return operators.handle(req, res);
      if (!req.url?.startsWith("/trpc/")) {
        recordPage(req, res);
        return files(req, res);
      }
      forbidCaching(res);
      if (isForm(req)) return void res.writeHead(415).end();
      void lane(req, res, () => procedures(req, res));
    },
    async migrate() {
      await sessions.migrate();
      await signIns.migrate();
      await operators.migrate();
      await projections.migrate();
      await funnels.migrate();
      await visits.migrate();
      await migrateBank(db, () => hashPassword(DEMO_PASSWORD));
    },
    async check() {
      await sessions.check();
      await signIns.check();
    },
    async start() {
      await projections.start();
      await visits.start();
      // The next look carries out what a fault has left.
      orders = setInterval(() => void carryOutOrders().catch(() => {}), ORDERS_EVERY_MS).unref();
    },
    async close() {
      clearInterval(orders);
      await visits.close();
      await projections.close();
      await operators.close();
      await sessions.close();
      await signIns.close();
    },
  };
}

const methods: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "POST"]);

/** Procedures take JSON only. Another site could send a form. */
function isForm(req: IncomingMessage): boolean {
  return req.method === "POST" && !req.headers["content-type"]?.startsWith("application/json");
}
