import { sql, type Kysely } from "kysely";
import { rowsAsTable } from "./rows-as-table.ts";
import type { Place } from "./pieces.ts";
import type { ActivityTables } from "./tables.ts";

/** Events that came too late for an activity. */
export interface LateEvents extends Place {
  /** The day on which they were recorded, as in "2026-11-28". */
  readonly day: string;
  readonly events: number;
}

/** Adds to the counts of events that came too late. */
export async function addLateEvents(
  db: Kysely<ActivityTables>,
  schema: string,
  late: readonly LateEvents[],
): Promise<void> {
  if (late.length === 0) return;
  const rows = late.map((each) => ({ ...each, day: `${each.day}T00:00:00Z`, events: String(each.events) }));
  await sql`
    insert into ${sql.table(`${schema}.activity_late`)} as known (owner_id, activity, day, events)
    select owner, activity, (day at time zone 'UTC')::date, events
    from ${rowsAsTable(rows, { owner: "text", activity: "text", day: "timestamptz", events: "integer" })}
    on conflict (owner_id, activity, day) do update set events = known.events + excluded.events`.execute(db);
}
