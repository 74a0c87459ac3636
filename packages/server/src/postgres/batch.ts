import { CompiledQuery, type Kysely } from "kysely";
import type { Following } from "../stored.ts";
import { changing } from "./hot.ts";
import type { Tables } from "./tables.ts";

/** A session's next revision, to be written if its revision is still `expected`. */
export interface PlainWrite extends Following {
  readonly owner: string;
  readonly expected: number;
}

/**
 * One statement that writes many sessions of many owners, each with its history entry, by compare-and-set. For
 * one PostgreSQL: a distributed one would run it as a two-phase commit over all shards.
 */
export class BatchStatement {
  readonly #db: Kysely<Tables>;
  readonly #schema: string;

  constructor(db: Kysely<Tables>, schema: string) {
    this.#db = db;
    this.#schema = schema;
  }

  /** Says for each write whether it was made. At most one of a session. */
  async run(writes: readonly PlainWrite[]): Promise<readonly boolean[]> {
    const rows = writes.map(rowOf);
    const [only] = rows;
    if (only !== undefined && rows.length === 1 && only.body !== null) {
      const parameters = columnNames.map((name) => only[name]);
      return [(await this.#send(textForOne(this.#schema), parameters)).length === 1];
    }
    const parameters = columnNames.map((name) => listOf(name, rows));
    const positions = new Set(await this.#send(textForMany(this.#schema), parameters));
    return writes.map((_, index) => positions.has(index));
  }

  /** The positions of those that were made. */
  async #send(text: string, parameters: readonly unknown[]): Promise<readonly number[]> {
    const { rows } = await this.#db.executeQuery<{ position: number }>(CompiledQuery.raw(text, [...parameters]));
    return rows.map(({ position }) => position);
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
  receipt: "jsonb",
  entry: "integer",
  hash: "bytea",
  expires_at: "timestamptz",
  expires_bucket: "timestamptz",
  body: "jsonb",
  at: "timestamptz",
} as const;
type Column = keyof typeof columnTypes;
const columnNames = Object.keys(columnTypes) as Column[];

/** Between JSON texts, which escape it: an array's syntax would need each of their quotes escaped. */
const SEPARATOR = "\u001f";

function rowOf({ owner, expected, stored, entry, receipt }: PlainWrite, position: number) {
  return {
    position,
    owner_id: owner,
    id: stored.snapshot.id,
    expected,
    flow: stored.snapshot.flow,
    ...changing(stored),
    receipt: JSON.stringify(receipt),
    body: entry && entry.text,
    at: entry && entry.body.at,
  };
}

function listOf(name: Column, rows: readonly ReturnType<typeof rowOf>[]): unknown {
  const values = rows.map((row) => row[name]);
  return columnTypes[name] === "jsonb" ? values.join(SEPARATOR) : values;
}

const changed = ["version", "revision", "state", "entry", "hash", "expires_at", "expires_bucket"] as const;
const noted = ["entry", "revision", "at", "body", "hash"] as const;

/** For one session that goes on: a plan of its own, by the row's key. */
function textForOne(schema: string): string {
  const given = (name: Column) => `$${columnNames.indexOf(name) + 1}::${columnTypes[name]}`;
  return `
    with moved as (
      update ${schema}.session
      set ${changed.map((name) => `${name} = ${given(name)}`).join(", ")}, receipts = receipts || ${given("receipt")}
      where owner_id = ${given("owner_id")} and id = ${given("id")} and revision = ${given("expected")}
        and flow = ${given("flow")}
      returning owner_id, id
    )
    insert into ${schema}.session_event (owner_id, session_id, ${noted.join(", ")})
    select owner_id, id, ${noted.map(given).join(", ")} from moved where owner_id = ${given("owner_id")}
    returning ${given("position")} as position`;
}

/** For any number of sessions. */
function textForMany(schema: string): string {
  const lists = columnNames.map((name, index) => {
    const type = columnTypes[name];
    return type === "jsonb"
      ? `string_to_array($${index + 1}, '${SEPARATOR}', '')::jsonb[]`
      : `$${index + 1}::${type}[]`;
  });
  const told = ["position", "owner_id", "id", ...noted];
  return `
    with input (${columnNames.join(", ")}) as (
      select * from unnest(${lists.join(", ")})
    ), made as (
      update ${schema}.session as session
      set ${changed.map((name) => `${name} = input.${name}`).join(", ")},
        receipts = case when input.body is null then session.receipts else session.receipts || input.receipt end
      from input
      where session.owner_id = input.owner_id and session.id = input.id and session.revision = input.expected
        and session.flow = input.flow
      returning ${told.map((name) => `input.${name}`).join(", ")}
    ), noted as (
      insert into ${schema}.session_event (owner_id, session_id, ${noted.join(", ")})
      select owner_id, id, ${noted.join(", ")} from made where body is not null
    )
    select position from made`;
}
