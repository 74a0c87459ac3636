import { sql } from "kysely";
import { isTimedOut } from "../postgres/errors.ts";
import { withTimeLimit } from "../time-limit.ts";
import type { DashboardSource } from "./rows/tables.ts";

/** The longest that Postgres works on one statement of a page, in milliseconds. */
const STATEMENT_MS = 2_000;
/** The longest that a part of a page waits for its reads, in milliseconds: for a connection, too. */
const READ_MS = 4_000;

/** The database did not answer in time. The page says which part is missing. */
export class LateReadError extends Error {
  override readonly name = "LateReadError";
}

/** Reads something in time. The statements share a transaction, in which Postgres ends one that takes too long. */
export function readInTime<T>(
  { db, schema }: DashboardSource,
  read: (source: DashboardSource) => Promise<T>,
): Promise<T> {
  return inTime(
    db
      .transaction()
      .setAccessMode("read only")
      .execute(async (tx) => {
        await sql`select set_config('statement_timeout', ${String(STATEMENT_MS)}, true)`.execute(tx);
        return read({ db: tx, schema });
      }),
  );
}

/** The result of some reads. @throws {LateReadError} */
export async function inTime<T>(reading: Promise<T>): Promise<T> {
  try {
    return await withTimeLimit(READ_MS, reading, () => {
      throw new LateReadError();
    });
  } catch (error) {
    throw isTimedOut(error) ? new LateReadError(undefined, { cause: error }) : error;
  }
}
