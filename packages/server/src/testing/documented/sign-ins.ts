import { createSignIns } from "@sessions/server/sign-in";
import express from "express";
import { checkPassword } from "./application.ts";
import { pool } from "./router.ts";

export const signIns = createSignIns({ database: pool, expires: "aal2" });

export const app: express.Express = express();
app.use(signIns.express(), express.json());
app.post("/sign-in", async (req, res) => {
  const owner = await checkPassword(req.body);
  if (owner === null) res.sendStatus(401);
  else res.json(await req.visit.signInAs(owner, { factors: ["password"] }));
});
