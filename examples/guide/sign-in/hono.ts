import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import type { Visit } from "@sessions/server/sign-in";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { Hono } from "hono";
import { ownerOf } from "./password.ts";
import { appRouter, close, signIns } from "./sign-ins.ts";

await signIns.migrate();

const app = new Hono<{ Variables: { visit: Visit } }>();
app.all("/trpc/*", ({ req: { raw: req } }) =>
  signIns.trpc(req, () =>
    fetchRequestHandler({
      req,
      router: appRouter,
      endpoint: "/trpc",
      createContext: signIns.context,
      maxBatchSize: 10,
    }),
  ),
);
app.use(async (c, next) => {
  const response = await signIns.fetch(c.req.raw, async (visit) => {
    c.set("visit", visit);
    await next();
    return c.res;
  });
  c.res = undefined; // Or Hono would put its older headers over the new ones.
  c.res = response;
});

app.post("/sign-in", async (c) => {
  const owner = ownerOf(await c.req.json().catch(() => null));
  if (owner === null) return c.json({ refused: "wrong_password" }, 401);
  return c.json(await c.var.visit.signInAs(owner, { factors: ["password"] }));
});

app.get("/account", ({ json, var: { visit } }) =>
  visit.owner === null ? json({}, 401) : json({ owner: visit.owner, since: visit.signIn?.since }),
);

app.get("/export", ({ json, var: { visit } }) => {
  visit.requireLevel("aal2");
  return json({ owner: visit.owner });
});

const { PORT = "3000", HOST = "localhost" } = process.env;
const server = serve({ fetch: app.fetch, port: Number(PORT), hostname: HOST }, () =>
  console.log(`Ready at http://${HOST}:${PORT}`),
) as Server; // Of node:http, as no other is asked for.
process.once("SIGTERM", () => {
  signIns.endStreams();
  server.close(() => void close());
  // A page keeps its connection, and would ask again over it.
  setInterval(() => server.closeIdleConnections(), 100).unref();
});
