import type { IncomingMessage, RequestListener } from "node:http";
import { completions, createSessions, openSessions, serve } from "@sessions/server";
import { initTRPC, TRPCError } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { Kysely } from "kysely";
import { z } from "zod";
import { transfer } from "../flow.ts";
import { BANK_TIME_ZONE, COMPLETED_AT_MOST, OPEN_AT_MOST } from "../limits.ts";
import { DEMO_PASSWORD } from "../people.ts";
import type { Database } from "./database.ts";
import { accountOf, feeCents, obstacle, pay, type BankTables } from "./ledger.ts";
import { openStreams } from "./open-streams.ts";
import { hashPassword } from "./passwords.ts";
import { servePages } from "./pages.ts";
import { keptNowhere, protect } from "./protect.ts";
import { createSignIn, type Browser, type SignIn, type User } from "./sign-in.ts";
import { migrateBank } from "./tables.ts";

/** Calls that one request can make: the pages make one. */
const BATCH_AT_MOST = 5;

/** How long a request's body may be, in bytes: a parcel of the sessions is below 100 kB. */
const BODY_AT_MOST = 256 * 1024;

interface Context {
  readonly user: User | null;
  readonly browser: Browser;
  /** Gives the browser this cookie (`Set-Cookie`). */
  remember(cookie: string): void;
  /** Ends what the browser hears with the cookie that it came with. */
  endStreams(): void;
}

export interface AppOptions {
  readonly database: Database;
  /** Where the built pages lie. */
  readonly pages: string;
}

export interface App {
  readonly handle: RequestListener;
  /** Makes the tables, the bank's and its sessions', where they are missing or older. */
  migrate(): Promise<void>;
  /** @throws {SessionsError} when the database is not fit to serve from. */
  check(): Promise<void>;
  /** Ends open streams. */
  close(): Promise<void>;
}

export type AppRouter = ReturnType<typeof createRouter>;

/** The bank: its pages, its own few procedures, and its sessions beside them. */
export function createApp({ database, pages }: AppOptions): App {
  const db = new Kysely<BankTables>({ dialect: database.dialect });
  const sessions = createTransfers(database);
  const signIn = createSignIn(db);
  const streams = openStreams();
  const procedures = createHTTPHandler({
    basePath: "/trpc/",
    router: createRouter(sessions, signIn, db),
    async createContext({ req, res }): Promise<Context> {
      const browser = { cookies: req.headers.cookie, address: req.socket.remoteAddress ?? "" };
      return {
        user: await signIn.userOf(browser),
        browser,
        remember(cookie) {
          res.setHeader("set-cookie", cookie);
        },
        endStreams: () => streams.end(browser.cookies),
      };
    },
    maxBatchSize: BATCH_AT_MOST,
    maxBodySize: BODY_AT_MOST,
    onError({ error, path }) {
      if (error.code === "INTERNAL_SERVER_ERROR")
        console.error(`${path ?? "A procedure"} failed: ${error.cause?.name ?? error.code}.`);
    },
  });
  const files = servePages(pages);

  return {
    handle(req, res) {
      protect(res);
      if (!methods.has(req.method)) return void res.writeHead(405, { allow: [...methods].join(", ") }).end();
      if (!req.url?.startsWith("/trpc/")) return files(req, res);
      keptNowhere(res);
      if (isForm(req)) return void res.writeHead(415).end();
      streams.add(req.headers.cookie, res);
      procedures(req, res);
    },
    async migrate() {
      await sessions.migrate();
      await migrateBank(db, () => hashPassword(DEMO_PASSWORD));
    },
    check: () => sessions.check(),
    close: () => sessions.close(),
  };
}

function createTransfers(database: Database) {
  return createSessions({
    database: database.source,
    identify: ({ user }: Context) => user && { owner: user.id },
    flows: [
      serve(transfer, {
        limits: [
          completions({ atMost: COMPLETED_AT_MOST, per: "month", timeZone: BANK_TIME_ZONE }),
          openSessions({ atMost: OPEN_AT_MOST }),
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

function createRouter(sessions: ReturnType<typeof createTransfers>, signIn: SignIn, db: Kysely<BankTables>) {
  const t = initTRPC.context<Context>().create({ isDev: false });
  return t.router({
    sessions: sessions.router,
    me: t.procedure.query(({ ctx }) => ctx.user),
    signIn: t.procedure
      .input(
        z.object({
          id: z
            .string()
            .max(100)
            .regex(/^[\w-]*$/),
          password: z.string().max(200),
        }),
      )
      .mutation(async ({ ctx, input }) => {
        const signedIn = await signIn.enter(input.id, input.password, ctx.browser);
        if (!signedIn) return null;
        ctx.remember(signedIn.cookie);
        ctx.endStreams();
        return signedIn.user;
      }),
    signOut: t.procedure.mutation(async ({ ctx }) => {
      ctx.remember(await signIn.leave(ctx.browser));
      ctx.endStreams();
    }),
    account: t.procedure.query(({ ctx }) => {
      if (!ctx.user) throw new TRPCError({ code: "UNAUTHORIZED" });
      return accountOf(db, ctx.user.id);
    }),
  });
}

const methods: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "POST"]);

/** Procedures are called with JSON. A form, which another site could send, is not one. */
function isForm(req: IncomingMessage): boolean {
  return req.method === "POST" && !req.headers["content-type"]?.startsWith("application/json");
}
