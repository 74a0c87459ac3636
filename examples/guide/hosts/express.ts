import { createExpressMiddleware } from "@trpc/server/adapters/express";
import express from "express";
import { appRouter, migrate, signIns } from "./sessions.ts";
import { stopOnSignal } from "./stop.ts";

await migrate();

const app = express();
app.use(
  "/trpc",
  createExpressMiddleware({
    router: appRouter,
    createContext: signIns.context,
    maxBatchSize: 10,
    maxBodySize: 1024 * 1024,
  }),
);
// Add express.json() and the application's own routes after it.

const { PORT = "3000", HOST = "localhost" } = process.env;
const server = app.listen(Number(PORT), HOST, () => console.log(`Ready at http://${HOST}:${PORT}`));
stopOnSignal(server);
