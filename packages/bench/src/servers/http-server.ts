import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { initTRPC } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import connectPgSimple from "connect-pg-simple";
import express from "express";
import session from "express-session";
import type { Client, Pool } from "pg";
import { PROTOCOL_VERSION, pushRequestSchema } from "@sessions/core/internal";
import type { Sessions } from "@sessions/server";
import type { Context } from "./application.ts";

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

declare module "express-session" {
  interface SessionData {
    readonly body: unknown;
  }
}

/**
 * Serves the sessions router, and three things to compare it with: a mutation that takes the same input and does nothing
 * (`/noop`), the lane (`/lane/`), a subscription that sends one event (`/idle`), and an event stream by Node alone (`/bare`).
 */
export function serveTrpc(sessions: Sessions): Promise<HttpServer> {
  const t = initTRPC.context<Context>().create();
  const router = t.router({
    sessions: sessions.router,
    noop: t.procedure.input(pushRequestSchema).mutation(() => ({ ok: true })),
    idle: t.procedure.subscription(async function* ({ signal }) {
      yield { protocol: PROTOCOL_VERSION };
      if (signal !== undefined) await once(signal, "abort");
    }),
  });
  const createContext = ({ req }: { readonly req: IncomingMessage }): Context => {
    const user = req.headers["x-user"];
    return { user: typeof user === "string" ? user : undefined };
  };
  const handler = createHTTPHandler({ router, createContext });
  const lane = sessions.lane({ router, createContext });
  return startListening(
    createServer((request, response) => {
      if (request.url?.startsWith("/lane/")) return void lane(request, response);
      if (request.url !== "/bare") return handler(request, response);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data: {"protocol":${PROTOCOL_VERSION}}\n\n`);
    }),
  );
}

/** Serves express-session: a cookie, and a session that each request loads and stores. */
export function serveExpress(pool: Pool): Promise<HttpServer> {
  const PgStore = connectPgSimple(session);
  const store = new PgStore({ pool, createTableIfMissing: true, pruneSessionInterval: false });
  const app = express();
  app.use(session({ store, secret: "bench", resave: false, saveUninitialized: false }), express.json());
  app.post("/step", (request, response) => {
    Object.assign(request.session, { body: request.body as unknown });
    response.json({ ok: true });
  });
  return startListening(createServer(app));
}

/** Serves the least that carries a message between devices: NOTIFY, LISTEN and an event stream. */
export async function serveRelay(pool: Pool, listener: Client): Promise<HttpServer> {
  const streams = new Set<ServerResponse>();
  listener.on("notification", ({ payload = "" }) => {
    for (const stream of streams) stream.write(`data: ${payload}\n\n`);
  });
  await listener.query("listen relay");
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      streams.add(response);
      response.on("close", () => streams.delete(response));
      return;
    }
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      void pool.query("select pg_notify('relay', $1)", [body]).then(() => response.end("{}"));
    });
  });
  return startListening(server);
}

/** Listens on a free port of this machine. */
export async function startListening(server: Server): Promise<HttpServer> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 4_096, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
