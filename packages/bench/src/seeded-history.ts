import type { Pool } from "pg";
import type { Snapshot } from "@sessions/core/internal";

/** A table that holds active and ended sessions together. The server is compared with it. */
export const SINGLE_TABLE = "public.one_table";

/** How many ended sessions each owner has. */
export const SESSIONS_PER_OWNER = 100;

/** How many sessions are active in the one table. */
const ACTIVE = 10_000;

/** Fills the archive and the single table with copies of a session that ended over two years. */
export async function fillHistory(pool: Pool, like: Snapshot, ended: number): Promise<void> {
  const { id: _id, flow, version, revision, ...state } = like;
  const text = JSON.stringify({ ...state, status: "completed", endedAt: state.updatedAt });
  await pool.query(`
    create table ${SINGLE_TABLE} (
      id uuid primary key default gen_random_uuid(), user_id text not null, status text not null, state jsonb not null,
      revision integer not null, last_command uuid, created_at timestamptz not null, updated_at timestamptz not null
    )`);
  await pool.query(`create index one_table_user_updated on ${SINGLE_TABLE} (user_id, updated_at)`);

  const { rows: months } = await pool.query<{ name: string; from: string; to: string }>(`
    select to_char(month, '"session_archive_"YYYY_MM') as name, month::text as "from", (month + interval '1 month')::text as "to"
    from generate_series(date_trunc('month', now()) - interval '23 months', date_trunc('month', now()), '1 month') as month`);
  for (const { name, from, to } of months) {
    await pool.query(
      `create table if not exists sessions.${name} partition of sessions.session_archive for values from ('${from}') to ('${to}')`,
    );
  }
  const owners = Math.max(1, ended / SESSIONS_PER_OWNER);
  // Oldest first and owners in turns, in the order in which two years would have written them.
  const past = "now() - (($1::float8 - n) / $1) * interval '23 months'";
  if (ended > 0) {
    await pool.query(
      `insert into sessions.session_archive
         (owner_id, id, flow, version, revision, status, state, receipts, entry, hash, ended_at)
       select 'owner-' || (n % $2::int), uuidv7(${past} - now()), $3, $4, $5, 'completed', $6::json, '{}', 8,
         sha256(n::text::bytea), ${past}
       from generate_series(1, $1) as n`,
      [ended, owners, flow, version, revision, text],
    );
    await pool.query(
      `insert into ${SINGLE_TABLE} (user_id, status, state, revision, created_at, updated_at)
       select 'owner-' || (n % $2::int), 'completed', $3::jsonb, 8, ${past}, ${past} from generate_series(1, $1) as n`,
      [ended, owners, text],
    );
  }
  await pool.query(
    `insert into ${SINGLE_TABLE} (user_id, status, state, revision, created_at, updated_at)
     select 'owner-' || (n % $2::int), 'active', $3::jsonb, 1, now(), now() from generate_series(1, $1::int) as n`,
    [ACTIVE, owners, JSON.stringify(state)],
  );
  await pool.query("vacuum analyze");
}
