import { sessionHistory } from "@sessions/server";
import { project } from "@sessions/server/projections";
import { sql, type Kysely } from "kysely";
import { transfer } from "../flow.ts";
import { BANK_TIME_ZONE } from "../limits.ts";
import type { BankTables } from "./ledger.ts";

/** Adds up what each person sends in a month. Each transfer counts once, however often a node or the database dies. */
export const spending = project(sessionHistory([transfer]), {
  name: "spending",
  handle: async ({ session, owner, status, at }, { tx }) => {
    if (status !== "completed") return;
    await sql`
      insert into bank.spending as known (owner, month, transfers, cents)
      select ${owner}, date_trunc('month', ${at}::timestamptz at time zone ${BANK_TIME_ZONE}::text)::date, 1, cents + fee_cents
      from bank.ledger where session = ${session}::uuid
      on conflict (owner, month) do update
        set transfers = known.transfers + 1, cents = known.cents + excluded.cents`.execute(tx);
  },
});

/** What a person has sent in the month of a moment, in the bank's time zone. */
export async function spentInMonth(db: Kysely<BankTables>, owner: string, atMs: number) {
  const month = sql<boolean>`month = date_trunc('month', ${new Date(atMs).toISOString()}::timestamptz at time zone ${BANK_TIME_ZONE}::text)::date`;
  const row = await db
    .selectFrom("bank.spending")
    .select(["transfers", "cents"])
    .where("owner", "=", owner)
    .where(month)
    .executeTakeFirst();
  return { transfers: row?.transfers ?? 0, cents: Number(row?.cents ?? 0) };
}
