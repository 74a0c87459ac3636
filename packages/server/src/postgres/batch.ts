import { CompiledQuery, type Kysely } from "kysely";
import type { HistoryEntry, Stored } from "../stored.ts";
import { changing } from "./hot.ts";
import type { Tables } from "./tables.ts";

/** A session's next revision, to be written if its revision is still `expected`: 0 for one that is to be started. */
export interface PlainWrite {
  readonly owner: string;
  readonly expected: number;
  readonly stored: Stored;
  readonly entry: HistoryEntry | null;
}

/**
 * One statement that writes many sessions of many owners, each with its history entry, by compare-and-set. For
 * one PostgreSQL: a distributed one would run it as a two-phase commit over all shards.
 */
export class BatchStatement {
  /** The statement's text. Prepared once a connection where the driver can. */
  readonly text: string;
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>, schema: string) {
    this.#db = db;
    this.text = textFor(schema);
  }

  /** Says for each write whether it was made. At most one of a session. */
  async run(writes: readonly PlainWrite[]): Promise<readonly boolean[]> {
    const rows = writes.map(rowOf);
    const columns = columnNames.map((name) => rows.map((row) => row[name]));
    const { rows: made } = await this.#db.executeQuery<{ position: number }>(CompiledQuery.raw(this.text, columns));
    const positions = new Set(made.map(({ position }) => position));
    return writes.map((_, index) => positions.has(index));
  }
}

const columnTypes = {
  position: "integer",
  owner_id: "text",
  id: "uuid",
  expected: "integer",
  flow: "text",
  version: "integer",
  revision: "integer",
  state: "jsonb",
  receipts: "jsonb",
  entry: "integer",
  hash: "bytea",
  expires_at: "timestamptz",
  expires_bucket: "timestamptz",
  body: "jsonb",
  at: "timestamptz",
} as const;
const columnNames = Object.keys(columnTypes) as (keyof typeof columnTypes)[];

function rowOf({ owner, expected, stored, entry }: PlainWrite, position: number) {
  return {
    position,
    owner_id: owner,
    id: stored.snapshot.id,
    expected,
    flow: stored.snapshot.flow,
    ...changing(stored),
    body: entry && JSON.stringify(entry.body),
    at: entry && entry.body.at,
  };
}

function textFor(schema: string): string {
  const parameters = columnNames.map((name, index) => `$${index + 1}::${columnTypes[name]}[]`).join(", ");
  const changes = ["version", "revision", "state", "receipts", "entry", "hash", "expires_at", "expires_bucket"];
  const inserted = ["owner_id", "id", "flow", ...changes];
  return `
    with input as materialized (
      select * from unnest(${parameters}) as input (${columnNames.join(", ")})
    ), moved as (
      update ${schema}.session as session
      set ${changes.map((name) => `${name} = input.${name}`).join(", ")}
      from input
      where session.owner_id = input.owner_id and session.id = input.id and session.revision = input.expected
      returning input.position
    ), begun as (
      insert into ${schema}.session (${inserted.join(", ")})
      select ${inserted.join(", ")} from input where expected = 0
      on conflict (owner_id, id) do nothing
      returning owner_id, id
    ), made as (
      select position from moved
      union all
      select position from input join begun using (owner_id, id)
    ), noted as (
      insert into ${schema}.session_event (owner_id, session_id, entry, revision, at, body, hash)
      select owner_id, id, entry, revision, at, body, hash from input join made using (position) where body is not null
    )
    select position from made`;
}
