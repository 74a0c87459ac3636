import { sessionHistory, sql } from "@sessions/server";
import { createProjections, project } from "@sessions/server/projections";
import { transfer } from "./flow.ts";
import { pool } from "./router.ts";

declare module "@sessions/server" {
  interface ApplicationTables {
    transfer_search: { session: string; owner: string; recipient: string | null; status: string };
  }
}

const completedMail = project(sessionHistory([transfer]), {
  name: "completed_mail",
  begins: "now",
  handle: async ({ owner, status }, { tx }) => {
    if (status !== "completed") return;
    await tx.insertInto("outbox").values({ owner, subject: "Your transfer is done.", sent_at: null }).execute();
  },
});

const transferSearch = project(sessionHistory([transfer]), {
  name: "transfer_search",
  version: 1,
  tables: {
    transfer_search: (db, table) =>
      sql`create table ${table} (session uuid primary key, owner text, recipient text, status text)`.execute(db),
  },
  handle: async (entry, { tx, table }) => {
    const { session, owner, status } = entry;
    const recipient = entry.type === "submitted" && entry.step === "recipient" ? entry.data.name : undefined;
    await tx
      .insertInto(table("transfer_search"))
      .values({ session, owner, status, recipient: recipient ?? null })
      .onConflict((row) => row.column("session").doUpdateSet({ owner, status, ...(recipient && { recipient }) }))
      .execute();
  },
});

export const projections = createProjections({ database: pool, projections: [completedMail, transferSearch] });
