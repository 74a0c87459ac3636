import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { fromNodeHeaders } from "better-auth/node";
import connectPgSimple from "connect-pg-simple";
import session from "express-session";
import { getIronSession, sealData } from "iron-session";
import type { Pool } from "pg";
import type { SignIns } from "@sessions/server/sign-in";
import { directCall } from "./direct-call.ts";

/** Answers a request with who is signed in. */
export type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

/** One way to know who is signed in. */
export interface IdentityCheck {
  readonly handler: Handler;
  /** Signs so many people in, and gives the headers `cookie` of their browsers. */
  readonly signIn: (people: number) => Promise<readonly string[]>;
}

declare module "express-session" {
  interface SessionData {
    readonly owner: string;
  }
}

const SECRET = "the benchmark's secret, which has 32 characters or more";
/** Nothing is stored again, or sealed again, while it is measured. */
const DAY_SECONDS = 86_400;
/** How many people sign in at once. */
const AT_ONCE = 16;

/** The least that a server does: the owner is in the cookie, and nothing is checked. */
export function uncheckedIdentity(): IdentityCheck {
  return {
    handler: (req, res) => Promise.resolve(answer(res, req.headers.cookie?.slice("owner=".length))),
    signIn: (people) => Promise.resolve(Array.from({ length: people }, (_, index) => `owner=person-${index}`)),
  };
}

export function ourIdentity(signIns: SignIns): IdentityCheck {
  return {
    handler: async (req, res) => {
      const visit = await signIns.node(req, res);
      if (visit) answer(res, visit.owner ?? undefined);
    },
    signIn: (people) =>
      forEach(people, async (index) => {
        const response = await signIns.fetch(new Request("https://bank.example", { method: "POST" }), async (visit) => {
          await visit.signInAs(`person-${index}`, { factors: ["password"], device: "Chrome on Windows" });
          return new Response();
        });
        return cookieOf(response.headers.getSetCookie());
      }),
  };
}

/** `touches`: whether each request also moves the deadline in the row, as it does by default. */
export function expressIdentity(pool: Pool, { touches }: { readonly touches: boolean }): IdentityCheck {
  const PgStore = connectPgSimple(session);
  const store = new PgStore({
    pool,
    createTableIfMissing: true,
    pruneSessionInterval: false,
    disableTouch: !touches,
  });
  const middleware = session({
    store,
    secret: SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: DAY_SECONDS * 1_000 },
  });
  const run = (req: IncomingMessage, res: ServerResponse) =>
    new Promise<void>((resolve, reject) => {
      // The middleware needs nothing of express but these names.
      middleware(req as never, res as never, (error: unknown) => (error ? reject(error) : resolve()));
    });
  const ownSession = (req: IncomingMessage) =>
    (req as unknown as { session: session.Session & { owner?: string } }).session;
  return {
    handler: async (req, res) => {
      await run(req, res);
      answer(res, ownSession(req).owner);
    },
    signIn: (people) =>
      forEach(people, async (index) => {
        const { req, res, ended } = directCall({});
        await run(req, res);
        Object.assign(ownSession(req), { owner: `person-${index}` });
        res.end();
        await ended;
        return cookieOf([res.getHeader("set-cookie")].flat().map(String));
      }),
  };
}

export async function betterAuthIdentity(pool: Pool, { caches }: { readonly caches: boolean }): Promise<IdentityCheck> {
  const options = {
    database: pool,
    secret: SECRET,
    baseURL: "http://localhost",
    emailAndPassword: {
      enabled: true,
      // The sign-ins are not measured.
      password: { hash: (password: string) => Promise.resolve(password), verify: () => Promise.resolve(true) },
    },
    session: { cookieCache: { enabled: caches, maxAge: DAY_SECONDS } },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { level: "error" as const },
  };
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  const auth = betterAuth(options);
  return {
    handler: async (req, res) => {
      const found = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) });
      answer(res, found?.user.name);
    },
    signIn: (people) =>
      forEach(people, async (index) => {
        const response = await auth.api.signUpEmail({
          body: { email: `${randomUUID()}@bank.example`, name: `person-${index}`, password: randomUUID() },
          asResponse: true,
        });
        return cookieOf(response.headers.getSetCookie());
      }),
  };
}

export function ironIdentity(): IdentityCheck {
  const options = { password: SECRET, cookieName: "iron" };
  return {
    handler: async (req, res) => {
      const { owner } = await getIronSession<{ owner?: string }>(req, res, options);
      answer(res, owner);
    },
    signIn: (people) =>
      forEach(people, async (index) => `iron=${await sealData({ owner: `person-${index}` }, options)}`),
  };
}

function answer(res: ServerResponse, owner: string | undefined): void {
  if (owner === undefined) throw new Error("Nobody is signed in.");
  res.setHeader("content-type", "application/json");
  res.end(JSON.stringify({ owner }));
}

const cookieOf = (setCookies: readonly string[]) => setCookies.map((text) => text.split(";", 1)[0]).join("; ");

async function forEach(people: number, signIn: (index: number) => Promise<string>): Promise<readonly string[]> {
  const cookies: string[] = [];
  for (let from = 0; from < people; from += AT_ONCE) {
    const size = Math.min(AT_ONCE, people - from);
    cookies.push(...(await Promise.all(Array.from({ length: size }, (_, index) => signIn(from + index)))));
  }
  return cookies;
}
