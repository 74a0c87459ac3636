import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { appRouter, migrate, signIns } from "./sessions.ts";
import { stopOnSignal } from "./stop.ts";

await migrate();

const app = new Hono();
app.use("/trpc/*", bodyLimit({ maxSize: 1024 * 1024 }));
app.all("/trpc/*", ({ req }) =>
  signIns.fetch(req.raw, (visit) =>
    fetchRequestHandler({
      req: req.raw,
      router: appRouter,
      endpoint: "/trpc",
      createContext: () => ({ visit }),
      maxBatchSize: 10,
    }),
  ),
);

const { PORT = "3000", HOST = "localhost" } = process.env;
const server = serve({ fetch: app.fetch, port: Number(PORT), hostname: HOST }, () =>
  console.log(`Ready at http://${HOST}:${PORT}`),
) as Server; // Of node:http, as no other is asked for.
stopOnSignal(server);
