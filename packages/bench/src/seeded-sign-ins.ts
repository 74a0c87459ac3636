import type { Pool } from "pg";

/** How many ended sign-ins each owner has. */
export const ENDED_PER_OWNER = 100;
/** How many owners there are, at least. */
export const OWNERS = 10_000;

/**
 * Fills the archive and the history with copies of a sign-in that has ended, over two years. Owners are called
 * `person-0` and so on.
 */
export async function fillSignIns(pool: Pool, ended: number): Promise<void> {
  const owners = Math.max(OWNERS, ended / ENDED_PER_OWNER);
  await pool.query(
    `insert into sessions.owner (owner_id, created_at)
     select 'person-' || n, now() from generate_series(0, $1::int - 1) as n on conflict do nothing`,
    [owners],
  );
  const { rows: months } = await pool.query<{ suffix: string; from: string; to: string }>(`
    select to_char(month, 'YYYY_MM') as suffix, month::text as "from", (month + interval '1 month')::text as "to"
    from generate_series(date_trunc('month', now()) - interval '23 months', date_trunc('month', now()), '1 month') as month`);
  for (const table of ["sign_in_archive", "sign_in_event"]) {
    for (const { suffix, from, to } of months) {
      await pool.query(
        `create table if not exists sessions.${table}_${suffix} partition of sessions.${table}
         for values from ('${from}') to ('${to}')`,
      );
    }
  }
  // Oldest first and owners in turns, in the order in which two years would have written them.
  const past = "now() - interval '1 hour' - (($1::float8 - n) / $1) * interval '23 months'";
  const id = "md5(n::text)::uuid";
  await pool.query(
    `insert into sessions.sign_in_archive
       (owner_id, id, device, place, factors, since, proved_at, last_used_at, rotation, entry, hash, ended_at, ending)
     select 'person-' || (n % $2::int), ${id}, device, place, factors, ${past}, ${past}, ${past}, rotation, 2, hash, ${past}, ending
     from generate_series(1, $1::int) as n, (select * from sessions.sign_in_archive limit 1) as one`,
    [ended, ended / ENDED_PER_OWNER],
  );
  await pool.query(
    `insert into sessions.sign_in_event (owner_id, sign_in_id, entry, at, invalidates, body, hash)
     select 'person-' || (n % $2::int), ${id}, entry, ${past}, invalidates, body, hash
     from generate_series(1, $1::int) as n, (select * from sessions.sign_in_event order by entry limit 2) as one`,
    [ended, ended / ENDED_PER_OWNER],
  );
}
