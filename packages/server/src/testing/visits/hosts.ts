import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createAdaptorServer } from "@hono/node-server";
import { initTRPC } from "@trpc/server";
import { createExpressMiddleware } from "@trpc/server/adapters/express";
import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from "@trpc/server/adapters/fastify";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import type { SignIns } from "../../sign-in/sign-ins.ts";
import type { Visit } from "../../sign-in/visit/visit.ts";

declare module "fastify" {
  interface FastifyRequest {
    visit: Visit;
  }
}

/** What the application of every host does, whatever serves it. */
async function answer(visit: Visit, method: string, path: string, body: string): Promise<object> {
  if (path === "/sign-in") {
    const { owner, ...options } = JSON.parse(body) as { owner: string; factors: string[]; as?: "cookie" | "bearer" };
    return visit.signInAs(owner, options);
  }
  if (path === "/sign-out") return { ended: await visit.signOut() };
  if (path === "/keep") return { visitor: visit.owner ?? visit.keepVisitor() };
  if (path === "/sensitive") visit.requireFresh("5m");
  if (path === "/secret") visit.requireLevel("aal2");
  return { method, owner: visit.owner };
}

function routerOf(signIns: SignIns) {
  const t = initTRPC.context<{ readonly visit: Visit }>().create();
  return t.router({ signIns: signIns.router });
}

/** The router that a tRPC client of these hosts sees. */
export type HostRouter = ReturnType<typeof routerOf>;

export interface RunningHost {
  readonly url: string;
  stop(): Promise<void>;
}

const sentHeaders = { "content-type": "application/json", "cache-control": "public, max-age=60" };

/** An application with sign-ins, in each host that docs/sign-ins/sign-in.md names. It sets a cookie of its own beside. */
export const hosts: Readonly<Record<string, (signIns: SignIns) => Promise<RunningHost>>> = {
  node: (signIns) => {
    const trpc = createHTTPHandler({ router: routerOf(signIns), basePath: "/trpc/", createContext: signIns.context });
    const serve = async (req: IncomingMessage, res: ServerResponse) => {
      if (req.url!.startsWith("/trpc/")) return trpc(req, res);
      const visit = await signIns.node(req, res);
      if (!visit) return undefined;
      if (req.url === "/stream") res.writeHead(200, sentHeaders).write("[");
      try {
        const answered = await answer(visit, req.method!, req.url!, await text(req));
        if (!res.headersSent) {
          res.setHeader("set-cookie", "theme=dark");
          res.writeHead(200, sentHeaders);
        }
        return res.end(JSON.stringify(answered));
      } catch (error) {
        return signIns.refuse(res, error) || res.writeHead(500).end();
      }
    };
    return listening(createServer((req, res) => void serve(req, res)));
  },

  express: (signIns) => {
    const app = express();
    app.use("/trpc", createExpressMiddleware({ router: routerOf(signIns), createContext: signIns.context }));
    app.use(signIns.express(), express.text({ type: "*/*" }));
    app.use(async (req, res) => {
      if (req.path === "/stream") res.writeHead(200, sentHeaders).write("[");
      const answered = await answer(req.visit, req.method, req.path, typeof req.body === "string" ? req.body : "");
      if (!res.headersSent) res.set(sentHeaders).cookie("theme", "dark");
      res.end(JSON.stringify(answered));
    });
    app.use(signIns.expressErrors());
    return listening(createServer(app));
  },

  fastify: async (signIns) => {
    const app = fastify({ forceCloseConnections: true });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
    const trpcOptions: FastifyTRPCPluginOptions<HostRouter>["trpcOptions"] = {
      router: routerOf(signIns),
      createContext: signIns.context,
    };
    await app.register(fastifyTRPCPlugin, { prefix: "/trpc", trpcOptions });
    await app.register(signIns.fastify({ trpc: "/trpc" }));
    app.setErrorHandler(signIns.fastifyErrors());
    app.all("/*", async (request, reply) => {
      if (request.url === "/stream") {
        reply.hijack();
        reply.raw.writeHead(200, sentHeaders).write("[");
        return reply.raw.end(JSON.stringify(await answer(request.visit, request.method, "/", "")));
      }
      const answered = await answer(request.visit, request.method, request.url, request.body as string);
      return reply.headers({ ...sentHeaders, "set-cookie": "theme=dark" }).send(JSON.stringify(answered));
    });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    return { url, stop: () => app.close() };
  },

  hono: (signIns) => {
    const app = new Hono<{ Variables: { visit: Visit } }>();
    app.all("/trpc/*", (c) =>
      signIns.trpc(c.req.raw, () =>
        fetchRequestHandler({
          req: c.req.raw,
          router: routerOf(signIns),
          endpoint: "/trpc",
          createContext: signIns.context,
        }),
      ),
    );
    app.use(async (c, next) => {
      const response = await signIns.fetch(c.req.raw, async (visit) => {
        c.set("visit", visit);
        await next();
        return c.res;
      });
      c.res = undefined;
      c.res = response;
    });
    app.all("/stream", (c) => {
      const later = async () => `[${JSON.stringify(await answer(c.var.visit, c.req.method, "/", ""))}`;
      return new Response(new ReadableStream({ pull: async (to) => (to.enqueue(await later()), to.close()) }), {
        headers: sentHeaders,
      });
    });
    app.all("*", async (c) => {
      const answered = await answer(c.var.visit, c.req.method, c.req.path, await c.req.text());
      return c.body(JSON.stringify(answered), 200, { ...sentHeaders, "set-cookie": "theme=dark" });
    });
    return listening(createAdaptorServer({ fetch: app.fetch }) as Server);
  },

  /** Route handlers, as those of Next.js. Its responses have headers that cannot be changed. */
  fetch: (signIns) => {
    const handle = (request: Request) => {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/trpc/")) {
        const { context: createContext } = signIns;
        return signIns.trpc(request, () =>
          fetchRequestHandler({ req: request, router: routerOf(signIns), endpoint: "/trpc", createContext }),
        );
      }
      return signIns.fetch(request, async (visit) => {
        const answered = await answer(visit, request.method, pathname, await request.text());
        return Response.json(answered, { headers: { ...sentHeaders, "set-cookie": "theme=dark" } });
      });
    };
    return listening(createAdaptorServer({ fetch: handle }) as Server);
  },
};

async function listening(server: Server): Promise<RunningHost> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
