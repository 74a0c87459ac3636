import { createSignIns, type Visit } from "@sessions/server/sign-in";
import { initTRPC } from "@trpc/server";
import { Pool } from "pg";

function open() {
  const pool = new Pool({ connectionString: process.env.DATABASE_URL });
  pool.on("error", () => {});
  const signIns = createSignIns({ database: pool, expires: "aal1" });
  const t = initTRPC.context<{ readonly visit: Visit }>().create();
  return { pool, signIns, appRouter: t.router({ signIns: signIns.router }) };
}

// Next.js loads this file more than once: for routes, for pages, and after each change in development.
const kept = globalThis as { signInsOpened?: ReturnType<typeof open> };
export const { pool, signIns, appRouter } = (kept.signInsOpened ??= open());
