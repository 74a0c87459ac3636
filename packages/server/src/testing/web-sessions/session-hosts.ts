import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import express from "express";
import expressSession from "express-session";
import Fastify from "fastify";
import type { SessionsStore } from "../../express-session/sessions-store.ts";

declare module "express-session" {
  interface SessionData {
    [key: string]: unknown;
  }
}
declare module "fastify" {
  interface Session {
    [key: string]: unknown;
  }
}

/** A server with sessions, and what stops it. */
export interface SessionHost {
  readonly url: string;
  readonly stop: () => Promise<unknown>;
}

const SECRET = "a secret of tests that has more than 32 characters";
const AGE_MS = 20 * 60_000;

/** A request waits at its gate, after it has read its session. */
export type Gate = (name: string) => Promise<void>;

/**
 * Servers that all do the same: `/set/KEY/VALUE` sets a key, and `?gate=NAME` waits before it. `/get` gives the session,
 * `/new` regenerates it, and `/destroy` ends it.
 */
export const sessionHosts: Readonly<Record<string, (store: SessionsStore, gate?: Gate) => Promise<SessionHost>>> = {
  "Express and express-session": async (store, gate = () => Promise.resolve()) => {
    const app = express();
    app.use(
      expressSession({ store, secret: SECRET, resave: false, saveUninitialized: false, cookie: { maxAge: AGE_MS } }),
    );
    app.get("/set/:key/:value", async ({ params, query, session }, response) => {
      if (typeof query["gate"] === "string") await gate(query["gate"]);
      session[params.key] = params.value;
      response.json(session);
    });
    app.get("/get", ({ session }, response) => void response.json(session));
    app.get("/new", ({ session }, response, next) =>
      session.regenerate((error) => (error ? next(error) : response.end())),
    );
    app.get("/destroy", ({ session }, response, next) =>
      session.destroy((error) => (error ? next(error) : response.end())),
    );
    const server = createServer(app).listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      stop: () => new Promise((resolve) => server.close(resolve)),
    };
  },
  "Fastify and @fastify/session": async (store, gate = () => Promise.resolve()) => {
    const app = Fastify({ forceCloseConnections: true });
    await app.register(fastifyCookie);
    await app.register(fastifySession, {
      store,
      secret: SECRET,
      cookieName: "connect.sid",
      saveUninitialized: false,
      cookie: { secure: false, maxAge: AGE_MS },
    });
    app.get<{ Params: { key: string; value: string }; Querystring: { gate?: string } }>(
      "/set/:key/:value",
      async ({ params, query, session }) => {
        if (query.gate !== undefined) await gate(query.gate);
        session[params.key] = params.value;
        return JSON.parse(JSON.stringify(session)) as object;
      },
    );
    app.get("/get", ({ session }) => JSON.parse(JSON.stringify(session)) as object);
    app.get("/new", async ({ session }) => {
      await session.regenerate();
      return {};
    });
    app.get("/destroy", async ({ session }) => {
      await session.destroy();
      return {};
    });
    return { url: await app.listen({ port: 0, host: "127.0.0.1" }), stop: () => app.close() };
  },
};

/** A browser that keeps one cookie. */
export class CookieJar {
  cookie: string | undefined;

  async ask(url: string): Promise<{ readonly status: number; readonly session: Record<string, unknown> }> {
    const response = await fetch(url, { headers: this.cookie ? { cookie: this.cookie } : {} });
    const [set] = response.headers.getSetCookie();
    if (set !== undefined) this.cookie = set.split(";")[0];
    const text = await response.text();
    return {
      status: response.status,
      session: text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {},
    };
  }
}
