import type { IncomingMessage, RequestListener } from "node:http";
import { createSessions, maxCompletions, maxOpenSessions, serve } from "@sessions/server";
import { initTRPC, TRPCError } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { Kysely } from "kysely";
import { z } from "zod";
import { transfer } from "../flow.ts";
import { BANK_TIME_ZONE, COMPLETED_AT_MOST, OPEN_AT_MOST } from "../limits.ts";
import { DEMO_PASSWORD } from "../people.ts";
import type { Database } from "./database.ts";
import { accountOf, feeCents, obstacle, pay, type BankTables } from "./ledger.ts";
import { openStreams } from "./http/open-streams.ts";
import { hashPassword } from "./sign-in/passwords.ts";
import { servePages } from "./http/pages.ts";
import { forbidCaching, setSecurityHeaders } from "./http/headers.ts";
import { createSignIn, type Browser, type SignIn, type User } from "./sign-in/sign-in.ts";
import { migrateBank } from "./tables.ts";

/** The most calls in one request. The pages make one. */
const MAX_BATCH_SIZE = 5;

/** The greatest size of a request's body. A push of the sessions has less than 100 kB. */
const MAX_BODY_BYTES = 256 * 1024;

interface Context {
  readonly user: User | null;
  readonly browser: Browser;
  /** Gives the browser this cookie (`Set-Cookie`). */
  setCookie(cookie: string): void;
  /** Ends the open streams of the cookie that this request carries. */
  endStreams(): void;
}

export interface AppOptions {
  readonly database: Database;
  /** The folder of the built pages. */
  readonly pages: string;
}

export interface App {
  readonly handle: RequestListener;
  /** Makes or updates the tables of the bank and of its sessions. */
  migrate(): Promise<void>;
  /** @throws {SessionsError} if the database cannot serve the sessions. */
  check(): Promise<void>;
  /** Ends open streams. */
  close(): Promise<void>;
}

export type AppRouter = ReturnType<typeof createRouter>;

/** The bank: its pages, its own procedures, and its sessions. */
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
        setCookie(cookie) {
          res.setHeader("set-cookie", cookie);
        },
        endStreams: () => streams.end(browser.cookies),
      };
    },
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
        ctx.setCookie(signedIn.cookie);
        ctx.endStreams();
        return signedIn.user;
      }),
    signOut: t.procedure.mutation(async ({ ctx }) => {
      ctx.setCookie(await signIn.leave(ctx.browser));
      ctx.endStreams();
    }),
    account: t.procedure.query(({ ctx }) => {
      if (!ctx.user) throw new TRPCError({ code: "UNAUTHORIZED" });
      return accountOf(db, ctx.user.id);
    }),
  });
}

const methods: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "POST"]);

/** Procedures take JSON only. Another site could send a form. */
function isForm(req: IncomingMessage): boolean {
  return req.method === "POST" && !req.headers["content-type"]?.startsWith("application/json");
}
