import { sql, type Kysely, type RawBuilder, type Transaction } from "kysely";
import type { Stored } from "./stored.ts";
import { columns, fromRow, kept, type Row } from "./row.ts";
import type { Tables } from "./tables.ts";

type Executor = Kysely<Tables> | Transaction<Tables>;

/** What a snapshot weighs beside its state, in bytes of JSON, roughly. */
const FRAME_BYTES = 300;

/** How much may come at once. */
export interface Room {
  /** Sessions at most. */
  readonly limit: number;
  /** Bytes of JSON at most, but for a single session that is larger: it comes alone. */
  readonly bytes: number;
}

export interface Page {
  readonly stored: readonly Stored[];
  /** Bytes of JSON that they take. */
  readonly bytes: number;
  /** Whether more follow. */
  readonly more: boolean;
}

/** What {@link pageOf} needs of each row. */
export const paged = [...kept, sql<number>`octet_length(state::text) + ${sql.lit(FRAME_BYTES)}`.as("bytes")] as const;

/**
 * The first of these rows that there is room for: what there is no room for does not leave the database. `rows` select
 * {@link paged}, in the order `order`, and one more than `room.limit`.
 */
export async function pageOf(
  db: Executor,
  rows: RawBuilder<unknown>,
  order: RawBuilder<unknown>,
  { limit, bytes }: Room,
): Promise<Page> {
  const told = sql.join(columns.map((column) => (typeof column === "string" ? sql.ref(column) : sql`${column}`)));
  const found = await sql<Row & { readonly total: string; readonly more: string }>`
    select ${told}, total::text, more::text from (
      select page.*, sum(bytes) over (order by ${order}) as total, row_number() over (order by ${order}) as position,
        lead(id) over (order by ${order}) is not null as more
      from ${rows} as page
    ) as summed
    where position <= ${limit}::integer and (total <= ${bytes}::bigint or position = 1)`.execute(db);
  const last = found.rows.at(-1);
  return { stored: found.rows.map(fromRow), bytes: Number(last?.total ?? 0), more: last?.more === "true" };
}
