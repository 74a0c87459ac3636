import { createSessions, serve, type Generated } from "@sessions/server";
import { initTRPC } from "@trpc/server";
import { Pool } from "pg";
import { repair } from "./flow.ts";

declare module "@sessions/server" {
  interface ApplicationTables {
    ticket: { id: Generated<number>; session: string; owner: string; model: string; problem: string };
  }
}

export interface Context {
  readonly user: { readonly id: string } | null;
}

export const pool = new Pool({ connectionString: process.env.DATABASE_URL });
// Postgres ends idle connections when it restarts. The pool opens others.
pool.on("error", () => {});

export const sessions = createSessions({
  database: pool,
  identify: ({ user }: Context) => user && { owner: user.id },
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

const t = initTRPC.context<Context>().create();
export const appRouter = t.router({ sessions: sessions.router });
