import { sql, type Transaction } from "kysely";
import type { Tables } from "./tables.ts";

/**
 * Bounds what each statement of a transaction may take, in milliseconds, a wait for another's lock with it. A handler
 * that Node no longer waits for is so ended in Postgres too, on every driver and behind a pooler.
 */
export async function boundStatements(tx: Transaction<Tables>, timeMs: number): Promise<void> {
  // Longer than a handler may take between two statements, and for a node that stands still.
  const idleMs = timeMs + 10_000;
  await sql`select set_config('statement_timeout', ${String(timeMs)}::text, true),
    set_config('idle_in_transaction_session_timeout', ${String(idleMs)}::text, true)`.execute(tx);
}
