import { createSessions, maxCompletions, maxOpenSessions, serve } from "@sessions/server";
import { Pool } from "pg";
import { t, type Context } from "./application.ts";
import { transfer } from "./flow.ts";

declare module "@sessions/server" {
  interface ApplicationTables {
    ledger: { session_id: string; owner: string; cents: number; reference: string };
  }
}

export const pool = new Pool({ connectionString: process.env.DATABASE_URL });

export const sessions = createSessions({
  database: pool,
  identify: (ctx: Context) => ctx.user && { owner: ctx.user.id },
  flows: [
    serve(transfer, {
      limits: [
        maxCompletions({ atMost: 20, per: "month", timeZone: "Europe/Brussels" }),
        maxOpenSessions({ atMost: 5 }),
      ],
      steps: {
        amount: ({ input, refuse }) =>
          input.cents > 5_000_000 ? refuse("Above the daily ceiling.") : { feeCents: 25 },
      },
      // Runs in the transaction that ends the session.
      complete: async ({ data, owner, session, tx }) => {
        const reference = `R-${session.id}`;
        const entry = { session_id: session.id, owner, cents: data.amount.cents, reference };
        await tx.insertInto("ledger").values(entry).execute();
        return { reference };
      },
    }),
  ],
});

await sessions.migrate();
export const appRouter = t.router({ sessions: sessions.router });
