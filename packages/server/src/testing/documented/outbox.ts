import { serve, type Generated } from "@sessions/server";
import type { Pool } from "pg";
import { transfer } from "./flow.ts";

declare module "@sessions/server" {
  interface ApplicationTables {
    outbox: { id: Generated<string>; owner: string; subject: string; sent_at: Date | null };
  }
}

export const served = serve(transfer, {
  steps: { amount: () => ({ feeCents: 25 }) },
  complete: async ({ data, owner, session, tx }) => {
    const subject = `You have sent money to ${data.recipient.name}.`;
    await tx.insertInto("outbox").values({ owner, subject, sent_at: null }).execute();
    return { reference: `R-${session.id}` };
  },
});

export interface Mail {
  readonly id: string;
  readonly owner: string;
  readonly subject: string;
}

/** Sends ten mails at most, and gives how many. Run it every few seconds, on as many nodes as you like. */
export async function sendMails(pool: Pool, send: (mail: Mail) => Promise<void>): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    // Another node's rows are locked, and left to it.
    const { rows } = await client.query<Mail>(
      "select id, owner, subject from outbox where sent_at is null order by id limit 10 for update skip locked",
    );
    for (const mail of rows) {
      await send(mail);
      await client.query("update outbox set sent_at = now() where id = $1", [mail.id]);
    }
    await client.query("commit");
    return rows.length;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}
