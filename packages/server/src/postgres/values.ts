import { sql, type AliasedRawBuilder, type ColumnType, type RawBuilder } from "kysely";

// Drivers and their type parsers turn json, times, bytes and large numbers into different values, and an application can
// change the parsers. So statements send and read all of these as text, with a cast in the SQL. The column types below
// make a query that reads such a column without a cast a type error.

export type JsonColumn = ColumnType<never, RawBuilder<string>, RawBuilder<string>>;
export type TimeColumn = ColumnType<never, RawBuilder<never>, RawBuilder<never>>;
/** The id of the transaction that wrote a row. Postgres gives it. */
export type TransactionIdColumn = ColumnType<never, never, never>;
export type BytesColumn = ColumnType<never, RawBuilder<string>, RawBuilder<string>>;

/** JSON as text, to be written to a json column. Sent as json, some drivers would encode it again. */
export function json(text: string): RawBuilder<string> {
  return sql<string>`${text}::text::json`;
}

/**
 * Rows as a table with the name `given`. They are sent as one text, so the statement is the same for any number of rows.
 * What a row has beside the columns is not sent.
 *
 * @param columns Names and types, as in SQL: `"id uuid, n bigint"`.
 */
export function recordset<Row extends object>(rows: readonly Row[], columns: string): AliasedRawBuilder<Row, "given"> {
  const names = columns.split(", ").map((column) => column.split(" ", 1)[0]!.replaceAll('"', "")) as (keyof Row)[];
  const sent = rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name]])));
  return sql<Row>`json_to_recordset(${json(JSON.stringify(sent))})`.as<"given">(sql.raw(`given (${columns})`));
}

/** A moment as ISO text, to be written or compared. */
export function time(iso: string): RawBuilder<never> {
  return sql<never>`${iso}::text::timestamptz`;
}

/** A moment in milliseconds since 1970, to be written or compared. */
export function timeOf(ms: number): RawBuilder<never> {
  return time(isoOf(ms));
}

export function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** A column of moments, read in milliseconds since 1970, as text. */
export function msOf(column: string): RawBuilder<string> {
  return sql<string>`round(extract(epoch from ${sql.ref(column)}) * 1000)::text`;
}

/** A column of moments, read as ISO 8601 in UTC, with milliseconds. */
export function isoTextOf(column: string): RawBuilder<string> {
  return sql<string>`to_char(${sql.ref(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/** Bytes, to be written to a bytea column. */
export function bytes(value: Uint8Array): RawBuilder<string> {
  return sql<string>`decode(${hexFromBytes(value)}::text, 'hex')`;
}

/** Bytes as hex: how a statement takes them. */
export function hexFromBytes({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("hex");
}

/** Bytes that a statement gave as hex. */
export function bytesFromHex(hex: string): Uint8Array {
  return Buffer.from(hex, "hex");
}

/** The uuid before all others, to begin a list at. */
export const LEAST_ID = "00000000-0000-0000-0000-000000000000";
