import { CompiledQuery, sql, type Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { clampedIsoOf } from "./stored-web-session.ts";
import type { WebSessionTables } from "./tables.ts";

/** A table of connect-pg-simple that is taken over. */
export interface AdoptedTable {
  /** Its quoted name, with its schema if it has one. */
  readonly name: string;
  /** The types of its columns. Hosts change them: `json` to `jsonb`, `timestamp` to `timestamptz`. */
  readonly dataType: string;
  readonly expireType: string;
}

/** The option `adopt`. */
export interface AdoptOption {
  readonly table: string;
  readonly schema?: string | undefined;
}

/** Looks at the table. Undefined if there is none: then there is nothing to take over, or everything was. */
export async function findAdoptedTable(
  db: Kysely<WebSessionTables>,
  { table, schema }: AdoptOption,
): Promise<AdoptedTable | undefined> {
  const name = [schema, table]
    .flatMap((part) => (part === undefined ? [] : [`"${part.replaceAll('"', '""')}"`]))
    .join(".");
  const { rows } = await sql<{ column: string; type: string }>`
    select attname::text as column, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = to_regclass(${name}::text) and attnum > 0 and not attisdropped`.execute(db);
  if (rows.length === 0) return undefined;
  const typeOf = (column: string) => {
    const type = rows.find((row) => row.column === column)?.type;
    if (type !== undefined) return type;
    throw new SessionsError(
      "configuration_invalid",
      `\`adopt\` names a table without a column \`${column}\`. It must be a table of connect-pg-simple.`,
    );
  };
  typeOf("sid");
  return { name, dataType: typeOf("sess"), expireType: typeOf("expire") };
}

/** The key of an adopted row. */
const KEY = "sha256(convert_to(sid, 'UTF8'))";

export interface CopiedPage {
  /** The id after which the next page begins. Undefined after the last page. */
  readonly last: string | undefined;
  readonly copied: number;
}

/** Copies the live sessions of a page. It leaves those that were copied before, so a copy may begin again at any time. */
export async function copyPage(
  db: Kysely<WebSessionTables>,
  { schema, namespace, old }: { readonly schema: string; readonly namespace: string; readonly old: AdoptedTable },
  { after, limit, nowMs, version }: { readonly after: string; readonly limit: number; nowMs: number; version: number },
): Promise<CopiedPage> {
  const text = `
    with page as materialized (
      select sid, sess::text as data, expire::timestamptz as expires from ${old.name}
      where sid > $1::text and expire::timestamptz > $2::text::timestamptz order by sid limit $3::integer
    ), copied as (
      insert into "${schema}"."web_session" (namespace, id, data, version, expires_at, sweep_bucket, adopted)
      select $4::text, ${KEY}, data, $5::bigint + row_number() over (), expires, date_trunc('hour', expires), md5(data)
      from page order by 2 on conflict do nothing returning 1
    )
    select (select max(sid) from page) as last, (select count(*) from page)::text as seen,
      (select count(*) from copied)::text as copied`;
  const values = [after, clampedIsoOf(nowMs), limit, namespace, String(version)];
  const { rows } = await db.executeQuery<{ last: string | null; seen: string; copied: string }>(
    CompiledQuery.raw(text, values),
  );
  const [{ last, seen, copied }] = rows as [(typeof rows)[number]];
  return { last: Number(seen) < limit ? undefined : last!, copied: Number(copied) };
}

/** Deletes the adopted row of a key. It looks at all rows: only their ids are indexed. */
export async function deleteByKey(db: Kysely<WebSessionTables>, old: AdoptedTable, key: string): Promise<void> {
  await db.executeQuery(CompiledQuery.raw(`delete from ${old.name} where ${KEY} = decode($1::text, 'hex')`, [key]));
}

/** Deletes all adopted rows. */
export async function deleteAdopted(db: Kysely<WebSessionTables>, old: AdoptedTable): Promise<void> {
  await db.executeQuery(CompiledQuery.raw(`delete from ${old.name}`));
}
