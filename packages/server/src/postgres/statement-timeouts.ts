import { sql, type Transaction } from "kysely";
import type { OwnerTables } from "./tables.ts";

/**
 * Sets how long each statement of a transaction may take, in milliseconds. A wait for a lock counts too. So Postgres also
 * stops a handler that Node no longer waits for, on every driver and behind a pooler.
 */
export async function setStatementTimeouts<Tables extends OwnerTables>(
  tx: Transaction<Tables>,
  timeMs: number,
): Promise<void> {
  // Longer than a handler may take between two statements. It ends the transaction of a node that is frozen.
  const idleMs = timeMs + 10_000;
  await sql`select set_config('statement_timeout', ${String(timeMs)}::text, true),
    set_config('idle_in_transaction_session_timeout', ${String(idleMs)}::text, true)`.execute(tx);
}
