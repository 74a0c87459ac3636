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

function open() {
  const pool = new Pool({ connectionString: process.env.DATABASE_URL });
  pool.on("error", () => {});
  const sessions = createSessions({
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
  return { pool, sessions, appRouter: t.router({ sessions: sessions.router }), node: { stops: false } };
}

// Next.js loads this file more than once: for routes, for instrumentation, and after each change in development.
const kept = globalThis as { opened?: ReturnType<typeof open> };
export const { pool, sessions, appRouter, node } = (kept.opened ??= open());
