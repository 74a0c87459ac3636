import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { appRouter, sessions } from "./sessions.ts";
import { userOf } from "./sign-in.ts";
import { stopOnSignal } from "./stop.ts";

await sessions.migrate();

const app = new Hono();
app.use("/trpc/*", bodyLimit({ maxSize: 1024 * 1024 }));
app.all("/trpc/*", ({ req }) =>
  fetchRequestHandler({
    req: req.raw,
    router: appRouter,
    endpoint: "/trpc",
    createContext: () => ({ user: userOf(req.header("cookie")) }),
    maxBatchSize: 10,
  }),
);

const { PORT = "3000", HOST = "localhost" } = process.env;
const server = serve({ fetch: app.fetch, port: Number(PORT), hostname: HOST }, () =>
  console.log(`Ready at http://${HOST}:${PORT}`),
) as Server; // Of node:http, as no other is asked for.
stopOnSignal(server);
