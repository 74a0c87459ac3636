import { createDashboard } from "@sessions/server/dashboard";
import express from "express";
import { pool } from "./router.ts";
import { signIns } from "./sign-ins.ts";

const operators = new Set(["olga"]);

export const dashboard = createDashboard({
  database: pool,
  authorize: async ({ headers }) => {
    const { owner } = await signIns.read(headers);
    return owner !== null && operators.has(owner) ? { name: owner, mayEndSignIns: true } : null;
  },
});

export const operatorsApp: express.Express = express();
operatorsApp.use("/operators", dashboard.node);
