import { createSessions, serve, type Generated } from "@sessions/server";
import { createSignIns, type Visit } from "@sessions/server/sign-in";
import { initTRPC } from "@trpc/server";
import { Pool } from "pg";
import { repair } from "./flow.ts";

declare module "@sessions/server" {
  interface ApplicationTables {
    ticket: { id: Generated<number>; session: string; owner: string; model: string; problem: string };
  }
}

export const pool = new Pool({ connectionString: process.env.DATABASE_URL });
// Postgres ends idle connections when it restarts. The pool opens others.
pool.on("error", () => {});

export const signIns = createSignIns({ database: pool });

export const sessions = createSessions({
  database: pool,
  identify: signIns.identify,
  flows: [
    serve(repair, {
      complete: async ({ data, owner, session, tx }) => {
        const { id } = await tx
          .insertInto("ticket")
          .values({ session: session.id, owner, ...data.bike })
          .returning("id")
          .executeTakeFirstOrThrow();
        return { ticket: id };
      },
    }),
  ],
});

const t = initTRPC.context<{ readonly visit: Visit }>().create();
export const appRouter = t.router({ sessions: sessions.router, signIns: signIns.router });

/** Makes the tables, or brings them up to date. Many nodes may call it at once. */
export async function migrate(): Promise<void> {
  await sessions.migrate();
  await signIns.migrate();
}
