import { sql, type Kysely } from "kysely";
import { json } from "../../postgres/values.ts";
import type { AnyActivity } from "../definition/define-activity.ts";
import { isoOf, msOf, rowsAsTable } from "./lists.ts";
import type { ActivityTables } from "./tables.ts";

/** The rules of an activity, as they are stored for operators. */
export type StoredRules = Pick<AnyActivity, "clock" | "latenessMs"> & AnyActivity["rules"];

/** Notes which activities there are. */
export async function writeDefinitions(
  db: Kysely<ActivityTables>,
  schema: string,
  activities: readonly AnyActivity[],
): Promise<void> {
  for (const { name, clock, latenessMs, rules } of activities) {
    const text = JSON.stringify({ clock, latenessMs, ...rules } satisfies StoredRules);
    await sql`
      insert into ${sql.table(`${schema}.activity_definition`)} as known (activity, rules, closed_before)
      values (${name}, ${json(text)}, ${isoOf(0)}::text::timestamptz)
      on conflict (activity) do update set rules = excluded.rules
      where known.rules::text <> excluded.rules::text`.execute(db);
  }
}

/** The activities that nodes have noted, for operators: their events and counters have no types. */
export async function listDefinitions(db: Kysely<ActivityTables>, schema: string): Promise<readonly AnyActivity[]> {
  const { rows } = await sql<{ activity: string; json: string }>`
    select activity, rules::text as json from ${sql.table(`${schema}.activity_definition`)} order by activity`.execute(
    db,
  );
  return rows.map(({ activity, json: text }) => {
    // Written by `writeDefinitions`.
    const { clock, latenessMs, ...rules } = JSON.parse(text) as StoredRules;
    return { name: activity, clock, latenessMs, rules, events: {}, counts: rules.counters };
  });
}

/** Before which moment nothing changes any more in some activities. It does not move until the transaction ends. */
export async function lockClosedBefore(
  db: Kysely<ActivityTables>,
  schema: string,
  activities: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ activity: string; before: string }>`
    select activity, ${msOf("closed_before")} as before from ${sql.table(`${schema}.activity_definition`)}
    where activity in (select input.activity from ${rowsAsTable(
      activities.map((activity) => ({ activity })),
      { activity: "text" },
    )})
    order by activity for share`.execute(db);
  return new Map(rows.map(({ activity, before }) => [activity, Number(before)]));
}

/** Notes that nothing before a moment changes any more. Transactions that build activity sessions have ended, or see it. */
export async function closeBefore(
  db: Kysely<ActivityTables>,
  schema: string,
  activity: string,
  closedMs: number,
): Promise<void> {
  await sql`
    update ${sql.table(`${schema}.activity_definition`)} set closed_before = ${isoOf(closedMs)}::text::timestamptz
    where activity = ${activity} and closed_before < ${isoOf(closedMs)}::text::timestamptz`.execute(db);
}
