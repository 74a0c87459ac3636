import type { Pool } from "pg";
import type { AnyActivity } from "../../activity/index.ts";
import { placeMs } from "../../activity/builder/placed-events.ts";
import type { LoggedEvent } from "../../activity/rows/events.ts";
import { sessionize } from "../../activity/sessionizer/sessionize.ts";

/** The activity sessions of the whole log, and the late events, as the definition has them: a line for each, sorted. */
export async function sessionizedLog(pool: Pool, activities: readonly AnyActivity[]): Promise<readonly string[]> {
  const { rows } = await pool.query<LoggedEvent>(
    `select owner_id as owner, id, name, data, (extract(epoch from at) * 1000)::float8 as "atMs",
      (extract(epoch from received_at) * 1000)::float8 as "receivedMs" from sessions.activity_event`,
  );
  const lines: string[] = [];
  for (const activity of activities) {
    const own = rows.filter(({ name }) => Object.hasOwn(activity.events as object, name));
    for (const [owner, events] of Map.groupBy(own, (event) => event.owner)) {
      const isLate = ({ receivedMs, atMs }: LoggedEvent) => receivedMs - atMs > activity.latenessMs;
      const late = events.filter(isLate).length;
      if (late > 0) lines.push(`${activity.name} of ${owner}: ${late} late`);
      const placed = events
        .filter((event) => !isLate(event))
        .map((event) => ({ ...event, atMs: placeMs(activity, event) }));
      lines.push(
        ...sessionize(activity.rules, placed).map(
          ({ startedMs, lastMs, ...span }) =>
            `${activity.name} of ${owner}: ${startedMs} to ${lastMs}, ${span.events}, ${JSON.stringify(span.counts)}`,
        ),
      );
    }
  }
  return lines.toSorted();
}

/** The same from the tables that are built in the background. Pieces of a short run are not told as one: archive them first. */
export async function builtSessions(pool: Pool): Promise<readonly string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `select format('%s of %s: %s to %s, %s, %s', activity, owner_id, (extract(epoch from started_at) * 1000)::bigint,
      (extract(epoch from last_at) * 1000)::bigint, events, counts) as line
    from (
      select owner_id, activity, started_at, last_at, events, counts from sessions.activity_session
      union all
      select owner_id, activity, started_at, last_at, events, counts from sessions.activity_session_archive
    ) as built
    union all
    select format('%s of %s: %s late', activity, owner_id, sum(events)) from sessions.activity_late
    group by activity, owner_id`,
  );
  return rows.map(({ line }) => line).toSorted();
}
