import { createSignIns, type Visit } from "@sessions/server/sign-in";
import { initTRPC } from "@trpc/server";
import { Pool } from "pg";

const connectionString = process.env.DATABASE_URL;
if (!connectionString) throw new Error("Set DATABASE_URL, such as postgres://postgres@localhost:5432/postgres");
const pool = new Pool({ connectionString });
// Postgres ends idle connections when it restarts. The pool opens others.
pool.on("error", () => {});

export const signIns = createSignIns({ database: pool, expires: "aal1" });

const t = initTRPC.context<{ readonly visit: Visit }>().create();
export const appRouter = t.router({ signIns: signIns.router });

/** For the end of the process. */
export async function close(): Promise<void> {
  await signIns.close();
  await pool.end();
}
