import type { Pool } from "pg";
import { fillMonths } from "./seeded-months.ts";

/** How many ended sign-ins each owner has. */
export const ENDED_PER_OWNER = 100;
/** How many owners there are, at least. */
export const OWNERS = 10_000;

/**
 * Fills the archive and the history with copies of a sign-in that has ended, over two years. Owners are called
 * `person-0` and so on. They take turns, as in the order in which two years would have written them.
 */
export async function fillSignIns(pool: Pool, ended: number): Promise<void> {
  await pool.query(
    `insert into sessions.owner (owner_id, created_at)
     select 'person-' || n, now() from generate_series(0, $1::int - 1) as n on conflict do nothing`,
    [Math.max(OWNERS, ended / ENDED_PER_OWNER)],
  );
  await pool.query("create table one_archived as select * from sessions.sign_in_archive limit 1");
  await pool.query("create table two_events as select * from sessions.sign_in_event order by entry limit 2");
  const owner = `'person-' || (n % ${Math.max(1, ended / ENDED_PER_OWNER)})`;
  const id = "md5(n::text)::uuid";
  await fillMonths(pool, ended, [
    {
      name: "sign_in_archive",
      columns:
        "owner_id, id, device, place, factors, since, proved_at, last_used_at, rotation, entry, hash, ended_at, ending",
      values: `${owner}, ${id}, device, place, factors, past, past, past, rotation, 2, hash, past, ending`,
      from: "one_archived",
    },
    {
      name: "sign_in_event",
      columns: "owner_id, sign_in_id, entry, at, invalidates, body, hash",
      values: `${owner}, ${id}, entry, past, invalidates, body, hash`,
      from: "two_events",
    },
  ]);
  await pool.query("drop table one_archived, two_events");
}
