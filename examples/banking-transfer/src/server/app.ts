import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { completions, createSessions, openSessions, serve } from "@sessions/server";
import { initTRPC, TRPCError } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { Kysely } from "kysely";
import sirv from "sirv";
import { z } from "zod";
import { transfer } from "../flow.ts";
import { BANK_TIME_ZONE, COMPLETED_AT_MOST, OPEN_AT_MOST } from "../limits.ts";
import { DEMO_PASSWORD } from "../people.ts";
import type { Database } from "./database.ts";
import { accountOf, feeCents, obstacle, pay, type BankTables } from "./ledger.ts";
import { createSignIn, hashPassword, type SignIn, type User } from "./sign-in.ts";
import { migrateBank } from "./tables.ts";

interface Context {
  readonly user: User | null;
  /** Signs a person in on the browser that asked, or out. */
  remember(user: User | null): void;
}

export interface AppOptions {
  readonly database: Database;
  /** Signs the cookies. */
  readonly secret: string;
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
export function createApp({ database, secret, pages }: AppOptions): App {
  const db = new Kysely<BankTables>({ dialect: database.dialect });
  const sessions = createTransfers(database);
  const signIn = createSignIn(db, secret);
  const procedures = createHTTPHandler({
    basePath: "/trpc/",
    router: createRouter(sessions, signIn, db),
    createContext: ({ req, res }): Context => ({
      user: signIn.userOf(req.headers.cookie),
      remember(user) {
        res.setHeader("set-cookie", signIn.cookie(user));
      },
    }),
    maxBodySize: 1024 * 1024,
    onError({ error, path }) {
      if (error.code === "INTERNAL_SERVER_ERROR")
        console.error(`${path ?? "A procedure"} failed: ${error.cause?.name ?? error.code}.`);
    },
  });
  const files = sirv(pages, { single: true });

  return {
    handle(req, res) {
      protect(res);
      if (!req.url?.startsWith("/trpc/")) files(req, res);
      else if (isForm(req)) res.writeHead(415).end();
      else procedures(req, res);
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
        const user = await signIn.check(input.id, input.password);
        if (user) ctx.remember(user);
        return user;
      }),
    signOut: t.procedure.mutation(({ ctx }) => ctx.remember(null)),
    account: t.procedure.query(({ ctx }) => {
      if (!ctx.user) throw new TRPCError({ code: "UNAUTHORIZED" });
      return accountOf(db, ctx.user.id);
    }),
  });
}

/** Procedures are called with JSON. A form, which another site could send, is not one. */
function isForm(req: IncomingMessage): boolean {
  return req.method === "POST" && !req.headers["content-type"]?.startsWith("application/json");
}

function protect(res: ServerResponse): void {
  res.setHeader(
    "content-security-policy",
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
  );
  res.setHeader("x-content-type-options", "nosniff");
  res.setHeader("referrer-policy", "same-origin");
}
