import type { Pool } from "pg";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import {
  createSessions,
  keysFromEnvironment,
  serve,
  type Database,
  type Sessions,
  type SessionsOptions,
} from "../../index.ts";
import type { Context } from "../bank.ts";

/** A flow with a secret step. */
export const payment = defineFlow({
  name: "payment",
  version: 1,
  steps: {
    amount: step({ input: z.object({ note: z.string() }), output: z.object({ fee: z.string() }) }),
    card: step({ input: z.object({ number: z.string() }), sensitive: true }),
    review: step({ input: z.object({}), dependsOn: ["amount", "card"], confirm: true }),
  },
  result: z.object({ reference: z.string() }),
});

/** A node that serves {@link payment} with a list of keys, the newest first. */
export function paymentNode(
  database: Database,
  keys: string,
  options: Partial<Omit<SessionsOptions<Context>, "database" | "flows">> = {},
): Sessions {
  return createSessions<Context>({
    database,
    identify: ({ user }) => user !== undefined && { owner: user },
    sweeps: false,
    onError: () => {},
    keys: keysFromEnvironment(keys),
    ...options,
    flows: [
      serve(payment, {
        steps: { amount: ({ input }) => ({ fee: `fee of ${input.note}` }) },
        complete: ({ data }) => ({ reference: `R ${data.card.number.slice(-4)}` }),
      }),
    ],
  });
}

/** Every value of every table of the sessions, as text. */
export async function everyColumn(pool: Pool): Promise<string> {
  const { rows: tables } = await pool.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'sessions'",
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await pool.query<{ text: string }>(`select t::text as text from sessions.${name} as t`);
    texts.push(...rows.map(({ text }) => text));
  }
  return texts.join("\n");
}
