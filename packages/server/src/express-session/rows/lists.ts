import { sql, type Kysely } from "kysely";
import { msOf, time } from "../../postgres/values.ts";
import { clampedIsoOf, type StoredWebSession } from "./stored-web-session.ts";
import type { WebSessionTables } from "./tables.ts";

interface Place {
  readonly schema: string;
  readonly namespace: string;
}

/** A page of live sessions after a key, in the order of their keys. It ends after the session that exceeds `bytes`. */
export async function listWebSessions(
  db: Kysely<WebSessionTables>,
  { schema, namespace }: Place,
  { after, limit, bytes, nowMs }: { after: string; limit: number; bytes: number; nowMs: number },
): Promise<readonly StoredWebSession[]> {
  const { rows } = await sql<{ key: string; data: string; version: string; expires: string }>`
    select encode(id, 'hex') as key, data, version::text as version,
      ${msOf("expires_at")} as expires
    from (
      select *, sum(octet_length(data)) over (order by id) - octet_length(data) as before
      from ${sql.table(`${schema}.web_session`)}
      where namespace = ${namespace} and id > decode(${after}::text, 'hex') and expires_at > ${time(clampedIsoOf(nowMs))}
      order by id limit ${limit}
    ) as page where before <= ${bytes} order by id`.execute(db);
  return rows.map((row) => ({ ...row, version: Number(row.version), expiresMs: Number(row.expires) }));
}

/** How many live sessions there are, but no more than `atMost`. */
export async function countWebSessions(
  db: Kysely<WebSessionTables>,
  { schema, namespace }: Place,
  { atMost, nowMs }: { readonly atMost: number; readonly nowMs: number },
): Promise<number> {
  const { rows } = await sql<{ found: string }>`
    select count(*)::text as found from (
      select 1 from ${sql.table(`${schema}.web_session`)}
      where namespace = ${namespace} and expires_at > ${time(clampedIsoOf(nowMs))} limit ${atMost}
    ) as live`.execute(db);
  return Number(rows[0]?.found);
}

/** Deletes up to `limit` sessions. Gives how many. */
export async function deleteWebSessions(db: Kysely<WebSessionTables>, { schema, namespace }: Place, limit: number) {
  const table = sql.table(`${schema}.web_session`);
  const { rows } = await sql`
    delete from ${table} where namespace = ${namespace} and id = any(array(
      select id from ${table} where namespace = ${namespace} order by id limit ${limit}
    )) returning 1 as one`.execute(db);
  return rows.length;
}
