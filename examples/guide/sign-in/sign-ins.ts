import { createSignIns, type Visit } from "@sessions/server/sign-in";
import { initTRPC } from "@trpc/server";
import { Pool } from "pg";

export const pool = new Pool({ connectionString: process.env.DATABASE_URL });
// Postgres ends idle connections when it restarts. The pool opens others.
pool.on("error", () => {});

export const signIns = createSignIns({ database: pool, expires: "aal1" });

const t = initTRPC.context<{ readonly visit: Visit }>().create();
export const appRouter = t.router({ signIns: signIns.router });
