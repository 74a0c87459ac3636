import { sql, type Kysely, type RawBuilder } from "kysely";
import type { ActivityTables } from "./tables.ts";

/** The name of the projection that builds activity sessions. It has one bucket. */
export const PROJECTION = "activity";

/** The most rows that are looked at to find how far activity sessions are built. */
const MAX_PENDING = 10_000;

/** How far the feed has read, before the page that is being applied. */
export interface FeedProgress {
  /** Whether it reads all events from the start, owner by owner. */
  readonly isScan: boolean;
  /** The owner of the last event of the page before, in a scan. */
  readonly owner: string | null;
}

export async function loadFeedProgress(db: Kysely<ActivityTables>, schema: string): Promise<FeedProgress> {
  const { rows } = await sql<{ scanning: string; owner: string | null }>`
    select scanning::text as scanning, after::json->>0 as owner from ${sql.table(`${schema}.projection_feed`)}
    where projection = ${PROJECTION}`.execute(db);
  const [feed] = rows;
  return { isScan: feed?.scanning === "true", owner: feed?.owner ?? null };
}

/** Whether the feed had read an event of the table `event` before the page that is being applied. Not while it scans. */
export function isCounted(schema: string, event: string): RawBuilder<boolean> {
  const column = (name: string) => sql.ref(`${event}.${name}`);
  const place = (index: number, type: string) => sql`(feed.after::json->>${sql.lit(index)})::${sql.raw(type)}`;
  return sql`exists (
    select from ${sql.table(`${schema}.projection_feed`)} as feed
    where feed.projection = ${sql.lit(PROJECTION)} and (
      pg_visible_in_snapshot(${column("xid")}, feed.snapshot::pg_snapshot)
      or (feed.upto is not null and pg_visible_in_snapshot(${column("xid")}, feed.upto::pg_snapshot)
        and (${column("xid")}, ${column("owner_id")}, ${column("at")}, ${column("id")})
          <= (${place(0, "xid8")}, ${place(1, "text")}, ${place(2, "timestamptz")}, ${place(3, "uuid")}))))`;
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
