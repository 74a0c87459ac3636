import { CompiledQuery, type Kysely, type Transaction } from "kysely";
import type { Following } from "../stored.ts";
import { changing } from "./hot.ts";
import type { Tables } from "./tables.ts";

type Executor = Kysely<Tables> | Transaction<Tables>;

/** A session of the hot table as it goes on, to be written if the revision before it is still the newest. */
export interface Update extends Following {
  readonly owner: string;
}

/** The statements that move sessions to their next revision, each with its history entry, by compare-and-set. */
export class Updates {
  readonly #textForOne: string;
  readonly #textForMany: string;

  constructor(schema: string) {
    this.#textForOne = textForOne(schema);
    this.#textForMany = textForMany(schema);
  }

  /** Writes one session by its key, so that a distributed engine sends it to one shard. False when another came first. */
  async writeOne(db: Executor, update: Update): Promise<boolean> {
    const row = rowOf(update, 0);
    const parameters = columnNames.map((name) => row[name]);
    return (await send(db, this.#textForOne, parameters)).length === 1;
  }

  /**
   * Writes many sessions of many owners in one statement, and says for each whether it was made. At most one update
   * of a session. For one PostgreSQL: a distributed one would run it as a two-phase commit over all shards.
   */
  async writeMany(db: Executor, updates: readonly Update[]): Promise<readonly boolean[]> {
    const rows = updates.map(rowOf);
    const parameters = columnNames.map((name) => listOf(name, rows));
    const made = new Set(await send(db, this.#textForMany, parameters));
    return updates.map((_, index) => made.has(index));
  }
}

/** The positions of those that were made. */
async function send(db: Executor, text: string, parameters: unknown[]): Promise<readonly number[]> {
  const { rows } = await db.executeQuery<{ position: number }>(CompiledQuery.raw(text, parameters));
  return rows.map(({ position }) => position);
}

const columnTypes = {
  position: "integer",
  owner_id: "text",
  id: "uuid",
  version: "integer",
  revision: "integer",
  state: "json",
  receipt: "bytea",
  entry: "integer",
  hash: "bytea",
  expires_at: "timestamptz",
  expires_bucket: "timestamptz",
  body: "json",
  at: "timestamptz",
} as const;
type Column = keyof typeof columnTypes;
const columnNames = Object.keys(columnTypes) as Column[];

/** Between JSON texts, which escape it: an array's syntax would need each of their quotes escaped. */
const SEPARATOR = "\u001f";

function rowOf({ owner, stored, entry, receipt }: Update, position: number) {
  return {
    position,
    owner_id: owner,
    id: stored.snapshot.id,
    ...changing(stored),
    receipt,
    body: entry && entry.text,
    at: entry && entry.body.at,
  };
}

function listOf(name: Column, rows: readonly ReturnType<typeof rowOf>[]): unknown {
  const values = rows.map((row) => row[name]);
  return columnTypes[name] === "json" ? values.join(SEPARATOR) : values;
}

const changed = ["version", "revision", "state", "entry", "hash", "expires_at", "expires_bucket"] as const;
const noted = ["entry", "revision", "at", "body", "hash"] as const;

/** A plan of its own, by the row's key. */
function textForOne(schema: string): string {
  const given = (name: Column) => `$${columnNames.indexOf(name) + 1}::${columnTypes[name]}`;
  return `
    with moved as (
      update "${schema}"."session"
      set ${changed.map((name) => `${name} = ${given(name)}`).join(", ")}, receipts = receipts || ${given("receipt")}
      where owner_id = ${given("owner_id")} and id = ${given("id")} and revision = ${given("revision")} - 1
      returning owner_id, id
    ), noted as (
      insert into "${schema}"."session_event" (owner_id, session_id, ${noted.join(", ")})
      select owner_id, id, ${noted.map(given).join(", ")} from moved
      where owner_id = ${given("owner_id")} and ${given("body")} is not null
    )
    select ${given("position")} as position from moved where owner_id = ${given("owner_id")}`;
}

/** For any number of sessions. */
function textForMany(schema: string): string {
  const lists = columnNames.map((name, index) => {
    const type = columnTypes[name];
    return type === "json" ? `string_to_array($${index + 1}, '${SEPARATOR}', '')::json[]` : `$${index + 1}::${type}[]`;
  });
  const told = ["position", "owner_id", "id", ...noted];
  return `
    with input (${columnNames.join(", ")}) as (
      select * from unnest(${lists.join(", ")})
    ), made as (
      update "${schema}"."session" as session
      set ${changed.map((name) => `${name} = input.${name}`).join(", ")}, receipts = session.receipts || input.receipt
      from input
      where session.owner_id = input.owner_id and session.id = input.id and session.revision = input.revision - 1
      returning ${told.map((name) => `input.${name}`).join(", ")}
    ), noted as (
      insert into "${schema}"."session_event" (owner_id, session_id, ${noted.join(", ")})
      select owner_id, id, ${noted.join(", ")} from made where body is not null
    )
    select position from made`;
}
