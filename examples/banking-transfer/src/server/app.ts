import type { IncomingMessage, RequestListener } from "node:http";
import { createSessions, maxCompletions, maxOpenSessions, serve } from "@sessions/server";
import { createSignIns, type SignIns, type Visit } from "@sessions/server/sign-in";
import { initTRPC, TRPCError } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { Kysely } from "kysely";
import { z } from "zod";
import { transfer } from "../flow.ts";
import { BANK_TIME_ZONE, COMPLETED_AT_MOST, OPEN_AT_MOST } from "../limits.ts";
import { DEMO_PASSWORD } from "../people.ts";
import type { Database } from "./database.ts";
import { accountOf, feeCents, obstacle, pay, type BankTables } from "./ledger.ts";
import { hashPassword } from "./sign-in/passwords.ts";
import { servePages } from "./http/pages.ts";
import { forbidCaching, setSecurityHeaders } from "./http/headers.ts";
import { nameBrowser } from "./sign-in/browser-name.ts";
import { createPasswordCheck } from "./sign-in/password-check.ts";
import { migrateBank } from "./tables.ts";

/** The most calls in one request. The pages make one. */
const MAX_BATCH_SIZE = 5;

/** The greatest size of a request's body. A push of the sessions has less than 100 kB. */
const MAX_BODY_BYTES = 256 * 1024;

/** The most browsers in which one person is signed in. The next sign-in ends the oldest. */
const MAX_BROWSERS = 50;

interface Context {
  readonly visit: Visit;
  /** The address that the request comes from. */
  readonly address: string;
}

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
  /** Ends open streams. */
  close(): Promise<void>;
}

export type AppRouter = ReturnType<typeof createRouter>;

/** The bank: its pages, its own procedures, its sessions and its sign-ins. */
export function createApp({ database, pages, placeHeader, now = Date.now }: AppOptions): App {
  const db = new Kysely<BankTables>({ dialect: database.dialect });
  const signIns = createSignIns({
    database: database.source,
    ...(database.bus && { bus: database.bus }),
    now,
    expires: { absolute: "7d" },
    atMost: { perOwner: MAX_BROWSERS, beyond: "end-oldest" },
    ...(placeHeader && { locate: ({ headers }) => headers.get(placeHeader) }),
  });
  const sessions = createTransfers(database, signIns, now);
  const procedures = createHTTPHandler({
    basePath: "/trpc/",
    router: createRouter({ sessions, signIns, db }),
    createContext: async (request): Promise<Context> => ({
      ...(await signIns.context(request)),
      address: request.req.socket.remoteAddress ?? "",
    }),
    maxBatchSize: MAX_BATCH_SIZE,
    maxBodySize: MAX_BODY_BYTES,
    onError({ error, path }) {
      if (error.code === "INTERNAL_SERVER_ERROR")
        console.error(`${path ?? "A procedure"} failed: ${error.cause?.name ?? error.code}.`);
    },
  });
  const files = servePages(pages);

  return {
    handle(req, res) {
      setSecurityHeaders(res);
      if (!methods.has(req.method)) return void res.writeHead(405, { allow: [...methods].join(", ") }).end();
      if (!req.url?.startsWith("/trpc/")) return files(req, res);
      forbidCaching(res);
      if (isForm(req)) return void res.writeHead(415).end();
      procedures(req, res);
    },
    async migrate() {
      await sessions.migrate();
      await signIns.migrate();
      await migrateBank(db, () => hashPassword(DEMO_PASSWORD));
    },
    async check() {
      await sessions.check();
      await signIns.check();
    },
    async close() {
      await sessions.close();
      await signIns.close();
    },
  };
}

function createTransfers(database: Database, signIns: SignIns, now: () => number) {
  return createSessions({
    database: database.source,
    ...(database.bus && { bus: database.bus }),
    now,
    identify: signIns.identify,
    flows: [
      serve(transfer, {
        limits: [
          maxCompletions({ atMost: COMPLETED_AT_MOST, per: "month", timeZone: BANK_TIME_ZONE }),
          maxOpenSessions({ atMost: OPEN_AT_MOST }),
        ],
        steps: {
          amount: async ({ input, owner, tx, refuse }) => {
            const reason = await obstacle(tx, owner, input.cents);
            return reason ? refuse(reason) : { feeCents: feeCents(input.cents) };
          },
        },
        complete: async ({ data, outputs, owner, session, tx, refuse }) => {
          const paid = await pay(tx, {
            session: session.id,
            owner,
            recipient: data.recipient.name,
            iban: data.recipient.iban,
            cents: data.amount.cents,
            feeCents: outputs.amount.feeCents,
            reference: data.amount.reference ?? null,
          });
          return paid.paid ? { reference: paid.reference } : refuse(paid.reason);
        },
      }),
    ],
  });
}

interface RouterParts {
  readonly sessions: ReturnType<typeof createTransfers>;
  readonly signIns: SignIns;
  readonly db: Kysely<BankTables>;
}

function createRouter({ sessions, signIns, db }: RouterParts) {
  const isRight = createPasswordCheck(db);
  const t = initTRPC.context<Context>().create({ isDev: false });
  return t.router({
    sessions: sessions.router,
    signIns: signIns.router,
    /** False for a wrong password, and for an unknown person. */
    signIn: t.procedure
      .input(
        z.object({
          id: z
            .string()
            .max(100)
            .regex(/^[\w-]*$/),
          password: Password,
          device: z.string().trim().min(1).max(40).default("Browser"),
        }),
      )
      .mutation(async ({ ctx, input }) => {
        if (!(await isRight({ ...input, address: ctx.address }))) return false;
        const { owner, signIn } = ctx.visit;
        const isSame = signIn && owner === input.id;
        const device = isSame ? signIn.device : await nameBrowser(signIns, input.id, input.device);
        // It is not refused: beyond the limit the oldest one ends.
        await ctx.visit.signInAs(input.id, { factors, device });
        return true;
      }),
    /** The person who is signed in gives the password again. False if it is wrong. */
    prove: t.procedure.input(z.object({ password: Password })).mutation(async ({ ctx, input }) => {
      const { owner, signIn } = signedIn(ctx);
      if (!(await isRight({ id: owner, password: input.password, address: ctx.address }))) return false;
      await ctx.visit.signInAs(owner, { factors, device: signIn.device });
      return true;
    }),
    account: t.procedure.query(({ ctx }) => accountOf(db, signedIn(ctx).owner)),
  });
}

const Password = z.string().max(200);
const factors = ["password"] as const;

function signedIn({ visit: { owner, signIn } }: Context) {
  if (owner === null || signIn === null) throw new TRPCError({ code: "UNAUTHORIZED" });
  return { owner, signIn };
}

const methods: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "POST"]);

/** Procedures take JSON only. Another site could send a form. */
function isForm(req: IncomingMessage): boolean {
  return req.method === "POST" && !req.headers["content-type"]?.startsWith("application/json");
}
