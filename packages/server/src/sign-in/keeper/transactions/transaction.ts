import { setTimeout as pause } from "node:timers/promises";
import type { Transaction } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { databaseFault, isTransient } from "../../../postgres/errors.ts";
import { setStatementTimeouts } from "../../../postgres/statement-timeouts.ts";
import { TurnTimedOutError } from "../../../postgres/connection/keyed-queue.ts";
import type { SignInTables } from "../../rows/tables.ts";
import type { KeeperContext } from "../context.ts";
import { PartitionMissingError } from "./known-partitions.ts";

/** How long one statement of a transaction may take, in milliseconds. */
const STATEMENT_MS = 5_000;

/** How long is waited before each further attempt, in milliseconds. */
const PAUSES_MS = [20, 100, 400];

/**
 * Runs a transaction, and runs it again if it failed by chance or if its outcome is not known, because the connection was
 * lost. So the work must find out what an attempt before it has done: `attempt` counts from 1. It holds the same locks, so
 * the attempt before has ended by then.
 */
export async function transactWithRetries<T>(
  { db, schema, partitions }: KeeperContext,
  work: (tx: Transaction<SignInTables>, attempt: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ;) {
    try {
      return await db.transaction().execute(async (plainTx) => {
        const tx = plainTx.withSchema(schema);
        await setStatementTimeouts(tx, STATEMENT_MS);
        return work(tx, attempt);
      });
    } catch (error) {
      if (error instanceof PartitionMissingError) {
        await partitions.ensure(error.atMs);
        continue;
      }
      const pauseMs = PAUSES_MS[attempt - 1];
      if (pauseMs === undefined || !mayRepeat(error)) throw error;
      await pause(pauseMs);
      attempt += 1;
    }
  }
}

function mayRepeat(error: unknown): boolean {
  return isTransient(error) || databaseFault(error)?.code === "database_unreachable";
}

/** Waits for the owner's turn on this node, then does the work. Transactions that lock the owner's row come here first. */
export async function inOwnerTurn<T>({ ownerTurns }: KeeperContext, owner: string, work: () => Promise<T>): Promise<T> {
  try {
    return await ownerTurns.run(owner, work);
  } catch (error) {
    if (!(error instanceof TurnTimedOutError)) throw error;
    throw new SessionsError("database_unreachable", "Other requests of the same owner took too long.");
  }
}
