import type { ClientBase, Pool } from "pg";
import type { FeedSource } from "../../projections/source.ts";

/** An entry of a small log, with numbers in each stream. */
export interface LogEntry {
  readonly owner: string;
  readonly stream: string;
  readonly number: number;
  readonly value: number;
}

/** The value of the last entry of a stream. */
export const LAST = -1;

/** A source with a table that needs no sessions: `createLog` makes it. */
export const log: FeedSource<LogEntry> = {
  name: "log",
  table: "log",
  stream: "stream",
  number: "number",
  at: "at",
  key: { owner_id: "text", stream: "uuid", number: "integer" },
  body: "event.value::text",
  isLast: ({ body }) => Number(body) === LAST,
  read: ({ owner, stream, number, body }) => ({ owner, stream, number: number!, value: Number(body) }),
};

/** Makes the table of {@link log}, and the one to which tests project it. */
export async function createLog(pool: Pool): Promise<void> {
  await pool.query(`
    create table sessions.log (
      owner_id text collate "C" not null, stream uuid not null, number integer not null, value integer not null,
      at timestamptz not null default now(), xid xid8 not null default pg_current_xact_id(), primary key (owner_id, stream, number)
    );
    create index on sessions.log (xid);
    create table fold (
      stream uuid primary key, total bigint not null, entries integer not null, last integer not null
    )`);
}

/** Writes the next entries of a stream. */
export async function append(
  client: Pool | ClientBase,
  owner: string,
  stream: string,
  from: number,
  values: readonly number[],
  atMs = Date.now(),
): Promise<void> {
  await client.query(
    `insert into sessions.log (owner_id, stream, number, value, at)
    select $1, $2, $3::integer - 1 + ordinality, value, $5::timestamptz from unnest($4::integer[]) with ordinality as given (value)`,
    [owner, stream, from, values, new Date(atMs)],
  );
}
