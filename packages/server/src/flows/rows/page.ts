import { sql, type Kysely, type RawBuilder, type Transaction } from "kysely";
import type { Stored } from "./stored.ts";
import { columns, fromRow, kept, type Row } from "./row.ts";
import type { Tables } from "./tables.ts";

type Executor = Kysely<Tables> | Transaction<Tables>;

/** The size of a snapshot without its state, in bytes of JSON, roughly. */
const FRAME_BYTES = 300;

/** The most that a page may hold. */
export interface Room {
  /** The number of sessions. */
  readonly limit: number;
  /** The bytes of JSON. A single session that is larger has a page of its own. */
  readonly bytes: number;
}

export interface Page {
  readonly stored: readonly Stored[];
  /** Their size in bytes of JSON. */
  readonly bytes: number;
  /** Whether more follow. */
  readonly more: boolean;
}

/** The columns that {@link pageOf} needs. */
export const paged = [...kept, sql<number>`octet_length(state::text) + ${sql.lit(FRAME_BYTES)}`.as("bytes")] as const;

/**
 * The first of these rows that fit into a page. The other rows do not leave the database. `rows` select {@link paged} in
 * the order `order`, and one row more than `room.limit`.
 */
export async function pageOf(
  db: Executor,
  rows: RawBuilder<unknown>,
  order: RawBuilder<unknown>,
  { limit, bytes }: Room,
): Promise<Page> {
  const selected = sql.join(columns.map((column) => (typeof column === "string" ? sql.ref(column) : sql`${column}`)));
  const found = await sql<Row & { readonly total: string; readonly more: string }>`
    select ${selected}, total::text, more::text from (
      select page.*, sum(bytes) over (order by ${order}) as total, row_number() over (order by ${order}) as position,
        lead(id) over (order by ${order}) is not null as more
      from ${rows} as page
    ) as summed
    where position <= ${limit}::integer and (total <= ${bytes}::bigint or position = 1)`.execute(db);
  const last = found.rows.at(-1);
  return { stored: found.rows.map(fromRow), bytes: Number(last?.total ?? 0), more: last?.more === "true" };
}
