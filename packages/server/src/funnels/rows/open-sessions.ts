import { sql, type Kysely } from "kysely";
import { recordset } from "../../postgres/values.ts";
import type { OpenSession } from "../session-rules.ts";

/** What is known of these sessions. One that has ended, or of which nothing was counted, is missing. */
export async function loadOpenSessions(
  db: Kysely<object>,
  schema: string,
  ids: readonly string[],
): Promise<Map<string, OpenSession>> {
  const { rows } = await sql<{ id: string; state: string }>`
    select session_id::text as id, state::text as state from ${sql.table(`${schema}.funnel_session`)}
    where session_id in ${oneOf(ids)}`.execute(db);
  // It was written by saveOpenSessions.
  return new Map(rows.map(({ id, state }) => [id, JSON.parse(state) as OpenSession]));
}

/** Writes what is known of sessions now, and deletes those that have ended. */
export async function saveOpenSessions(
  db: Kysely<object>,
  schema: string,
  sessions: readonly { readonly id: string; readonly owner: string; readonly state: OpenSession | null }[],
): Promise<void> {
  const table = sql.table(`${schema}.funnel_session`);
  const open = sessions.filter(({ state }) => state !== null);
  const ended = sessions.filter(({ state }) => state === null).map(({ id }) => id);
  if (open.length > 0) {
    await sql`
      insert into ${table} (session_id, owner_id, state)
      select id, owner, state
      from ${recordset(open, "id uuid, owner text, state json")}
      on conflict (session_id) do update set owner_id = excluded.owner_id, state = excluded.state`.execute(db);
  }
  if (ended.length > 0) {
    await sql`delete from ${table} where session_id in ${oneOf(ended)}`.execute(db);
  }
}

function oneOf(ids: readonly string[]) {
  const rows = ids.map((id) => ({ id }));
  return sql`(select id from ${recordset(rows, "id uuid")})`;
}
