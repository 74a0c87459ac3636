import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { createTRPCClient, httpLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { initTRPC, type AnyRouter } from "@trpc/server";
import { createExpressMiddleware } from "@trpc/server/adapters/express";
import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from "@trpc/server/adapters/fastify";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { EventSource } from "eventsource";
import express from "express";
import fastify from "fastify";
import superjson from "superjson";
import type { Sessions } from "../index.ts";

/** A host application's context. It differs from the context of the sessions router. */
interface HostContext {
  readonly user: string | undefined;
  readonly requestedAt: Date;
}

/** A host as an application writes it: a context, an error formatter and a transformer of its own. */
export function createHost(sessions: Sessions) {
  const t = initTRPC.context<HostContext>().create({
    transformer: superjson,
    errorFormatter: ({ shape }) => ({ ...shape, data: { ...shape.data, host: "bank" } }),
  });
  return t.router({
    sessions: sessions.router,
    requestedAt: t.procedure.query(({ ctx }) => ctx.requestedAt),
  });
}

export type Host = ReturnType<typeof createHost>;

/** A host without a transformer: it sends the procedures' bodies unchanged. */
export function createPlainHost(sessions: Sessions) {
  const t = initTRPC.context<HostContext>().create();
  return t.router({ sessions: sessions.router });
}

const contextOf = (user: string | undefined): HostContext => ({ user, requestedAt: new Date() });

export interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

/** The settings of each host, as docs/operating/hardening.md says. */
const HARDENED = { maxBatchSize: 10, maxBodySize: 6_500_000 };
const METHODS = ["GET", "HEAD", "POST", "OPTIONS"];

/** The host served by each of tRPC's adapters, at `url`. Its sessions may be answered by their lane. */
export const adapters: Readonly<Record<string, (host: AnyRouter, sessions?: Sessions) => Promise<Running>>> = {
  standalone: (router, sessions) => {
    const lane = sessions && laneOf(sessions, router);
    const handler = createHTTPHandler({
      router,
      ...HARDENED,
      basePath: "/trpc/",
      createContext: ({ req }) => contextOf(header(req.headers["x-user"])),
    });
    return listening(
      createServer((req, res) => {
        if (!isTaken(req.method)) return res.writeHead(405).end();
        return lane ? void lane(req, res, () => handler(req, res)) : handler(req, res);
      }),
    );
  },
  express: (router, sessions) => {
    const app = express();
    app.use((req, res, next) => (isTaken(req.method) ? next() : void res.sendStatus(405)));
    app.use(
      "/trpc",
      ...(sessions ? [laneOf(sessions, router)] : []),
      createExpressMiddleware({ router, ...HARDENED, createContext: ({ req }) => contextOf(req.get("x-user")) }),
    );
    return listening(createServer(app));
  },
  fastify: async (router, sessions) => {
    const app = fastify({
      bodyLimit: HARDENED.maxBodySize,
      routerOptions: { maxParamLength: 5_000 },
      forceCloseConnections: true,
    });
    const trpcOptions: FastifyTRPCPluginOptions<AnyRouter>["trpcOptions"] = {
      router,
      maxBatchSize: HARDENED.maxBatchSize,
      createContext: ({ req }) => contextOf(header(req.headers["x-user"])),
    };
    const lane = sessions && laneOf(sessions, router);
    if (lane) app.addHook("onRequest", ({ raw }, reply, done) => void lane(raw, reply.raw, done));
    await app.register(fastifyTRPCPlugin, { prefix: "/trpc", trpcOptions });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    return { url: `${url}/trpc`, stop: () => app.close() };
  },
  fetch: (router) => {
    const answer = (req: Request) => {
      if (!isTaken(req.method)) return new Response(null, { status: 405 });
      return fetchRequestHandler({
        req,
        router,
        maxBatchSize: HARDENED.maxBatchSize,
        endpoint: "/trpc",
        createContext: () => contextOf(req.headers.get("x-user") ?? undefined),
      });
    };
    return listening(createAdaptorServer({ fetch: answer }) as Server);
  },
};

const laneOf = (sessions: Sessions, router: AnyRouter) =>
  sessions.lane({ router, ...HARDENED, createContext: ({ req }) => contextOf(header(req.headers["x-user"])) });

/** A tRPC client of the host, signed in as a user, over HTTP and SSE. */
export function clientOf(url: string, user: string | undefined) {
  const headers = user === undefined ? {} : { "x-user": user };
  return createTRPCClient<Host>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: httpSubscriptionLink({
          url,
          transformer: superjson,
          EventSource,
          eventSourceOptions: () => ({
            fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
          }),
        }),
        false: httpLink({ url, transformer: superjson, headers }),
      }),
    ],
  });
}

const isTaken = (method = "") => METHODS.includes(method);

async function listening(server: Server): Promise<Running> {
  // Closes idle connections: a stream sends something every 15 seconds.
  server.timeout = 60_000;
  server.headersTimeout = 10_000;
  server.requestTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/trpc`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function header(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
