import { sql, type Kysely, type RawBuilder } from "kysely";
import type { SessionsError, Snapshot } from "@sessions/core/internal";
import { isSealedInvalid } from "../../secrets/sealed.ts";
import { sessionSelection, sessionFromRow, sessionColumns, type CipherOf, type SessionRow } from "./row.ts";
import type { StoredSession } from "./stored-session.ts";
import type { Tables } from "./tables.ts";

/** The size of a snapshot without its state, in bytes of JSON, roughly. */
const FRAME_BYTES = 300;

/** The most that a page may hold. */
export interface PageSize {
  /** The number of sessions. */
  readonly limit: number;
  /** The bytes of JSON. A single session that is larger has a page of its own. */
  readonly bytes: number;
}

/** A page of sessions, as they are stored. */
export interface SessionPage {
  readonly sessions: readonly StoredSession[];
  /** The last session of the page, also if it is in `faults`. */
  readonly last: Pick<Snapshot, "id" | "endedAt"> | null;
  /** One for each session that does not open. It is left out, so that the owner's other sessions are listed. */
  readonly faults: readonly SessionsError[];
  /** Their size in bytes of JSON. */
  readonly bytes: number;
  /** Whether more follow. */
  readonly more: boolean;
}

/** The columns that the rows of {@link loadPage} select. */
export const pageColumns = [
  ...sessionColumns,
  sql<number>`octet_length(state::text) + coalesce(octet_length(sealed), 0) + ${sql.lit(FRAME_BYTES)}`.as("bytes"),
] as const;

/**
 * Loads the first of these rows that fit into a page. The other rows do not leave the database. `rows` select {@link pageColumns} in
 * the order `order`, and one row more than `limits.limit`.
 */
export async function loadPage(
  db: Kysely<Tables>,
  { owner, cipherOf }: { readonly owner: string; readonly cipherOf: CipherOf },
  rows: RawBuilder<unknown>,
  order: RawBuilder<unknown>,
  { limit, bytes }: PageSize,
): Promise<SessionPage> {
  const selected = sql.join(
    sessionSelection.map((column) => (typeof column === "string" ? sql.ref(column) : sql`${column}`)),
  );
  const found = await sql<SessionRow & { readonly total: string; readonly more: string }>`
    select ${selected}, total::text, more::text from (
      select page.*, sum(bytes) over (order by ${order}) as total, row_number() over (order by ${order}) as position,
        lead(id) over (order by ${order}) is not null as more
      from ${rows} as page
    ) as summed
    where position <= ${limit}::integer and (total <= ${bytes}::bigint or position = 1)`.execute(db);
  const sessions: StoredSession[] = [];
  const faults: SessionsError[] = [];
  for (const row of found.rows) {
    try {
      sessions.push(await sessionFromRow(cipherOf, owner, row));
    } catch (error) {
      if (!isSealedInvalid(error)) throw error;
      faults.push(error);
    }
  }
  const last = found.rows.at(-1);
  return {
    sessions,
    // Written by this package, as StoredState.
    last: last === undefined ? null : { id: last.session, endedAt: (JSON.parse(last.json) as Snapshot).endedAt },
    faults,
    bytes: Number(last?.total ?? 0),
    more: last?.more === "true",
  };
}
