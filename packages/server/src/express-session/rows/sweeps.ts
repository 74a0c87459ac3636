import { sql, type Kysely } from "kysely";
import { time } from "../../postgres/values.ts";
import { bucketOf, clampedIsoOf } from "./stored-web-session.ts";
import type { WebSessionTables } from "./tables.ts";

/** Deletes sessions of all namespaces whose deadline has passed. Gives how many. */
export async function deleteExpired(db: Kysely<WebSessionTables>, schema: string, nowMs: number, limit: number) {
  const table = sql.table(`${schema}.web_session`);
  const { rows } = await sql`
    delete from ${table} as mine using (
      select namespace, id from ${table}
      where sweep_bucket <= ${time(bucketOf(nowMs))} and expires_at <= ${time(clampedIsoOf(nowMs))}
      order by sweep_bucket limit ${limit}
    ) as due
    where mine.namespace = due.namespace and mine.id = due.id and mine.expires_at <= ${time(clampedIsoOf(nowMs))}
    returning 1 as one`.execute(db);
  return rows.length;
}

/** Has the next sweeps look at sessions of a past hour, which were used meanwhile, in the hour of their deadline. */
export async function moveBuckets(db: Kysely<WebSessionTables>, schema: string, nowMs: number, limit: number) {
  const table = sql.table(`${schema}.web_session`);
  const { rows } = await sql`
    update ${table} as mine set sweep_bucket = date_trunc('hour', mine.expires_at) from (
      select namespace, id from ${table}
      where sweep_bucket < ${time(bucketOf(nowMs))} and expires_at > ${time(clampedIsoOf(nowMs))}
      order by sweep_bucket limit ${limit}
    ) as used
    where mine.namespace = used.namespace and mine.id = used.id and mine.expires_at > ${time(clampedIsoOf(nowMs))}
    returning 1 as one`.execute(db);
  return rows.length;
}

/** Takes the lease of a task, or keeps it. False while another node holds it. */
export async function takeLease(
  db: Kysely<WebSessionTables>,
  schema: string,
  { task, holder, nowMs, untilMs }: { task: string; holder: string; nowMs: number; untilMs: number },
): Promise<boolean> {
  const { rows } = await sql`
    insert into ${sql.table(`${schema}.web_session_lease`)} as lease (task, holder, until)
    values (${task}, ${holder}, ${time(clampedIsoOf(untilMs))})
    on conflict (task) do update set holder = excluded.holder, until = excluded.until
    where lease.holder = excluded.holder or lease.until < ${time(clampedIsoOf(nowMs))}
    returning 1 as one`.execute(db);
  return rows.length === 1;
}

/** Gives the lease of a task back. */
export async function endLease(db: Kysely<WebSessionTables>, schema: string, task: string, holder: string) {
  await sql`
    delete from ${sql.table(`${schema}.web_session_lease`)} where task = ${task} and holder = ${holder}`.execute(db);
}
