import { sql, type RawBuilder } from "kysely";
import { time } from "../../postgres/values.ts";

/** A column of times as milliseconds since 1970, as text. */
export function msOf(column: string): RawBuilder<string> {
  return sql<string>`round(extract(epoch from ${sql.ref(column)}) * 1000)::text`;
}

export function atMs(ms: number): RawBuilder<never> {
  return time(new Date(ms).toISOString());
}

export function numberOrNull(text: string | number | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}
