import { CompiledQuery, type Kysely } from "kysely";
import { encodeState } from "./session-state.ts";
import type { HistoryEntry } from "./history/history-entry.ts";
import type { NextRevision } from "./stored-session.ts";
import { insertActive, startOfHour } from "./active.ts";
import type { StoredCount } from "../../postgres/owner.ts";
import type { Tables } from "./tables.ts";
import { hexFromBytes } from "../../postgres/values.ts";

/** The next revision of an active session. It is written only if the revision before it is still the newest. */
export interface SessionUpdate extends NextRevision {
  readonly owner: string;
}

/**
 * The statements that move sessions to their next revision by compare-and-set, each with its history entry. They never
 * wait: a session that a transaction has locked is skipped, as if another writer had come first.
 */
export class UpdateStatements {
  readonly #textForOne: string;
  readonly #textForMany: string;

  constructor(schema: string) {
    this.#textForOne = textForOne(schema);
    this.#textForMany = textForMany(schema);
  }

  /**
   * Writes a started session, its first entry, and how many the owner has begun with it. False when the owner has a session
   * of that id.
   */
  start(
    db: Kysely<Tables>,
    owner: string,
    next: NextRevision,
    entry: HistoryEntry,
    count: StoredCount | null,
  ): Promise<boolean> {
    return insertActive(db, owner, next, entry, count);
  }

  /** Writes one session by its key. False when another writer came first. */
  async writeOne(db: Kysely<Tables>, update: SessionUpdate): Promise<boolean> {
    const row = rowOf(update);
    const parameters = columnNames.map((name) => row[name]);
    return (await send(db, this.#textForOne, parameters)).length === 1;
  }

  /**
   * Writes sessions of many owners in one statement, and gives for each whether it was written. There is at most one
   * update of a session.
   */
  async writeMany(db: Kysely<Tables>, updates: readonly SessionUpdate[]): Promise<readonly boolean[]> {
    const rows = updates.map(rowOf);
    const parameters = columnNames.map((name) => listOf(name, rows));
    const made = new Set(await send(db, this.#textForMany, parameters));
    return updates.map((_, index) => made.has(index + 1));
  }
}

/** The positions of the updates that were written. */
async function send(db: Kysely<Tables>, text: string, parameters: unknown[]): Promise<readonly number[]> {
  const { rows } = await db.executeQuery<{ position: number | string }>(CompiledQuery.raw(text, parameters));
  return rows.map(({ position }) => Number(position));
}

/** The types of the parameters. Bytes are sent as hex. */
const columnTypes = {
  owner_id: "text",
  id: "uuid",
  version: "integer",
  revision: "integer",
  state: "json",
  sealed: "bytea",
  receipt: "bytea",
  entry: "integer",
  hash: "bytea",
  expires_at: "timestamptz",
  expires_bucket: "timestamptz",
  body: "json",
  content: "json",
  sealed_content: "bytea",
  at: "timestamptz",
} as const;
export type Column = keyof typeof columnTypes;
const columnNames = Object.keys(columnTypes) as Column[];

/** The parameters of one update, by their names. */
export function rowOf({ owner, stored, entry, receipt, cipher }: SessionUpdate) {
  const { snapshot } = stored;
  const { state, sealed } = encodeState(cipher, stored);
  return {
    owner_id: owner,
    id: snapshot.id,
    version: snapshot.version,
    revision: snapshot.revision,
    state,
    sealed: sealed && hexFromBytes(sealed),
    receipt: hexFromBytes(receipt),
    entry: stored.lastEntry,
    hash: hexFromBytes(stored.lastHash),
    expires_at: snapshot.expiresAt,
    expires_bucket: startOfHour(snapshot.expiresAt),
    body: entry && entry.text,
    content: entry && entry.clear,
    sealed_content: entry?.sealed ? hexFromBytes(entry.sealed) : null,
    at: entry && entry.body.at,
  };
}

/** Separates the values of a column. JSON escapes it, and of all other values only an owner's id can hold it. */
const SEPARATOR = "\u001f";

/** A column of many rows as one text, because drivers send arrays in different ways. */
function listOf(name: Column, rows: readonly ReturnType<typeof rowOf>[]): string {
  const values = rows.map((row) => row[name]);
  return name === "owner_id" ? JSON.stringify(values) : values.join(SEPARATOR);
}

/** The columns of a session that an update sets. It also adds the receipt to the others. */
export const changed = [
  "version",
  "revision",
  "state",
  "sealed",
  "entry",
  "hash",
  "expires_at",
  "expires_bucket",
] as const;
/** The columns of an entry, with the parameters that they get. */
const noted = {
  entry: "entry",
  revision: "revision",
  at: "at",
  body: "body",
  content: "content",
  sealed: "sealed_content",
  hash: "hash",
} as const;
const notedColumns = Object.keys(noted).join(", ");
const notedParameters = Object.values(noted);

/** A parameter in a statement that has these parameters, as a value of its column. */
function valueOf(name: Column, parameters: readonly Column[]): string {
  const place = `$${parameters.indexOf(name) + 1}`;
  const type = columnTypes[name];
  if (type === "bytea") return `decode(${place}::text, 'hex')`;
  return type === "json" || type === "timestamptz" ? `${place}::text::${type}` : `${place}::${type}`;
}

/**
 * Moves one session to its next revision, by the row's key, in a statement that has these parameters. It skips a row that a
 * transaction has locked.
 */
export function updateText(schema: string, parameters: readonly Column[]): string {
  const given = (name: Column) => valueOf(name, parameters);
  return `update "${schema}"."session"
      set ${changed.map((name) => `${name} = ${given(name)}`).join(", ")}, receipts = receipts || ${given("receipt")}
      where owner_id = ${given("owner_id")} and revision = ${given("revision")} - 1 and id = (
        select id from "${schema}"."session" where owner_id = ${given("owner_id")} and id = ${given("id")}
        for no key update skip locked
      )`;
}

/** For one session, with its entry. */
function textForOne(schema: string): string {
  const given = (name: Column) => valueOf(name, columnNames);
  return `
    with moved as (
      ${updateText(schema, columnNames)}
      returning owner_id, id
    ), noted as (
      insert into "${schema}"."session_event" (owner_id, session_id, ${notedColumns})
      select owner_id, id, ${notedParameters.map(given).join(", ")} from moved
      where owner_id = ${given("owner_id")} and ${given("body")} is not null
    )
    select 0 as position from moved where owner_id = ${given("owner_id")}`;
}

/** For any number of sessions. Positions count from 1. */
function textForMany(schema: string): string {
  const lists = columnNames.map((name, index) => {
    const given = `$${index + 1}::text`;
    if (name === "owner_id") return `array(select json_array_elements_text(${given}::json))`;
    const type = columnTypes[name] === "bytea" ? "text" : columnTypes[name];
    return `string_to_array(${given}, '${SEPARATOR}', '')::${type}[]`;
  });
  const input = (name: Column) => (columnTypes[name] === "bytea" ? `decode(input.${name}, 'hex')` : `input.${name}`);
  const told = ["owner_id", "id", ...notedParameters] as const;
  return `
    with input (${columnNames.join(", ")}, position) as (
      select * from unnest(${lists.join(", ")}) with ordinality
    ), free as (
      select input.position, session.ctid as place
      from input join "${schema}"."session" as session using (owner_id, id)
      where session.revision = input.revision - 1
      for no key update of session skip locked
    ), made as (
      update "${schema}"."session" as session
      set ${changed.map((name) => `${name} = ${input(name)}`).join(", ")},
        receipts = session.receipts || coalesce(${input("receipt")}, '')
      from input join free using (position)
      where session.ctid = free.place
      returning input.position, ${told.map((name) => `${input(name)} as ${name}`).join(", ")}
    ), noted as (
      insert into "${schema}"."session_event" (owner_id, session_id, ${notedColumns})
      select owner_id, id, ${notedParameters.join(", ")} from made where body is not null
    )
    select position::text as position from made`;
}
