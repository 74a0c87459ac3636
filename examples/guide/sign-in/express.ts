import { createExpressMiddleware } from "@trpc/server/adapters/express";
import express from "express";
import { ownerOf } from "./password.ts";
import { appRouter, pool, signIns } from "./sign-ins.ts";

await signIns.migrate();

const app = express();
app.use(signIns.express());
app.use("/trpc", createExpressMiddleware({ router: appRouter, createContext: signIns.context, maxBatchSize: 10 }));
app.use(express.json());

app.post("/sign-in", async (req, res) => {
  const owner = ownerOf(req.body);
  if (owner === null) res.status(401).json({ refused: "wrong_password" });
  else res.json(await req.visit.signInAs(owner, { factors: ["password"] }));
});

app.get("/account", (req, res) => {
  if (req.visit.owner === null) res.sendStatus(401);
  else res.json({ owner: req.visit.owner, since: req.visit.signIn?.since });
});

const { PORT = "3000", HOST = "localhost" } = process.env;
const server = app.listen(Number(PORT), HOST, () => console.log(`Ready at http://${HOST}:${PORT}`));
process.once("SIGTERM", () => {
  server.close(() => void signIns.close().then(() => pool.end()));
  server.closeIdleConnections();
});
