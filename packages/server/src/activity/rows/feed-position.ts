import { sql, type Kysely, type RawBuilder } from "kysely";
import type { ActivityTables } from "./tables.ts";

/** The name of the projection that builds activity sessions. It has one bucket. */
export const PROJECTION = "activity";

/** The most rows that are looked at to find how far activity sessions are built. */
const MAX_PENDING = 10_000;

/**
 * Whether an event of the table `event` had been counted before the page that is being applied. Not while the feed scans.
 * One that was moved after it was counted comes again, and is marked.
 * An owner who waits for a fault has a position behind that of the feed.
 */
export function isCounted(schema: string, event: string): RawBuilder<boolean> {
  const column = (name: string) => sql.ref(`${event}.${name}`);
  const place = (position: string, offset: number) => {
    const values = ["text", "timestamptz", "uuid"].map((type, index) => {
      return sql`(${sql.ref(`${position}.after`)}::json->>${sql.lit(index + offset)})::${sql.raw(type)}`;
    });
    return sql.join(values);
  };
  const key = sql`${column("owner_id")}, ${column("at")}, ${column("id")}`;
  const isRead = (position: string) => {
    const of = (name: string) => sql.ref(`${position}.${name}`);
    const isVisible = (snapshot: string) => sql`pg_visible_in_snapshot(${column("xid")}, ${of(snapshot)}::pg_snapshot)`;
    return sql`case when ${of("scanning")}
      then ${of("after")} is not null and ${isVisible("snapshot")} and (${key}) <= (${place(position, 0)})
      else ${isVisible("snapshot")} or (${of("upto")} is not null and ${of("after")} is not null and ${isVisible("upto")}
        and (${column("xid")}, ${key}) <= ((${of("after")}::json->>0)::xid8, ${place(position, 1)})) end`;
  };
  return sql`(${column("counted")} or exists (
    select from ${sql.table(`${schema}.projection_feed`)} as feed
    where feed.projection = ${sql.lit(PROJECTION)} and not feed.scanning and ${isRead("feed")}
  ) and not exists (
    select from ${sql.table(`${schema}.projection_fault`)} as fault
    where fault.projection = ${sql.lit(PROJECTION)} and fault.owner_id = ${column("owner_id")}
      and not (${isRead("fault")})))`;
}

/** What is not in the activity sessions yet. */
export interface PendingEvents {
  /** At most 10,001. */
  readonly events: number;
  /** When the first of them was recorded. Null if there is none. */
  readonly oldestMs: number | null;
}

/** Null while the feed reads all events from the start, or did not begin. */
export async function loadPending(db: Kysely<ActivityTables>, schema: string): Promise<PendingEvents | null> {
  const event = sql.table(`${schema}.activity_event`);
  const { rows } = await sql<{ events: string; oldest: string | null }>`
    select count(pending.received_at)::text as events,
      round(extract(epoch from min(pending.received_at)) * 1000)::text as oldest
    from ${sql.table(`${schema}.projection_feed`)} as feed
    left join lateral (
      select received_at from ${event} where xid >= pg_snapshot_xmax(feed.snapshot::pg_snapshot)
      union all
      select received_at from ${event} where xid in (select pg_snapshot_xip(feed.snapshot::pg_snapshot))
      limit ${sql.lit(MAX_PENDING + 1)}
    ) as pending on true
    where feed.projection = ${PROJECTION} and not feed.scanning
    group by feed.bucket`.execute(db);
  const [found] = rows;
  if (found === undefined) return null;
  return { events: Number(found.events), oldestMs: found.oldest === null ? null : Number(found.oldest) };
}

/** Whether so much waits that nobody knows when the first of it was recorded. */
export const isTooMuch = ({ events }: PendingEvents) => events > MAX_PENDING;
