import { createExpressMiddleware } from "@trpc/server/adapters/express";
import express from "express";
import { ownerOf } from "./password.ts";
import { appRouter, close, signIns } from "./sign-ins.ts";

await signIns.migrate();

const app = express();
app.use("/trpc", createExpressMiddleware({ router: appRouter, createContext: signIns.context, maxBatchSize: 10 }));
app.use(signIns.express());
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

app.get("/export", (req, res) => {
  req.visit.requireLevel("aal2");
  res.json({ owner: req.visit.owner });
});

app.use(signIns.expressErrors());

const { PORT = "3000", HOST = "localhost" } = process.env;
const server = app.listen(Number(PORT), HOST, () => console.log(`Ready at http://${HOST}:${PORT}`));
process.once("SIGTERM", () => {
  signIns.endStreams();
  server.close(() => void close());
  // A page keeps its connection, and would ask again over it.
  setInterval(() => server.closeIdleConnections(), 100).unref();
});
