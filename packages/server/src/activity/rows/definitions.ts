import { sql, type Kysely } from "kysely";
import { json, msOf, timeOf } from "../../postgres/values.ts";
import type { AnyActivity } from "../definition/define-activity.ts";
import type { ActivityTables } from "./tables.ts";

/**
 * The activities of a schema. Each node notes those that it declares when it starts. So a node that does not declare an
 * activity yet also builds its activity sessions.
 */

/** An activity as it is stored: without schemas. */
type StoredRules = Pick<AnyActivity, "clock" | "latenessMs"> &
  AnyActivity["rules"] & { readonly events: readonly string[] };

/** An activity, and the moment before which nothing in it changes any more. */
export interface StoredActivity {
  readonly activity: AnyActivity;
  readonly closedMs: number;
}

/** Notes activities. One that is stored with other rules gets these. */
export async function writeDefinitions(
  db: Kysely<ActivityTables>,
  schema: string,
  activities: readonly AnyActivity[],
): Promise<void> {
  for (const { name, clock, latenessMs, rules, events } of activities) {
    const stored: StoredRules = { clock, latenessMs, ...rules, events: Object.keys(events as object) };
    await sql`
      insert into ${sql.table(`${schema}.activity_definition`)} as known (activity, rules, closed_before)
      values (${name}, ${json(JSON.stringify(stored))}, ${timeOf(0)})
      on conflict (activity) do update set rules = excluded.rules
      where known.rules::text <> excluded.rules::text`.execute(db);
  }
}

/** All activities, by their names. */
export async function listDefinitions(db: Kysely<ActivityTables>, schema: string): Promise<readonly AnyActivity[]> {
  const { rows } = await select(schema).execute(db);
  return rows.map((row) => fromRow(row).activity);
}

/** All activities. None of them is closed up to a later moment until the transaction ends. */
export async function lockDefinitions(db: Kysely<ActivityTables>, schema: string): Promise<readonly StoredActivity[]> {
  const { rows } = await sql<DefinitionRow>`${select(schema)} for share`.execute(db);
  return rows.map(fromRow);
}

/** Notes that nothing before a moment changes any more. Transactions that build activity sessions have ended, or see it. */
export async function closeBefore(
  db: Kysely<ActivityTables>,
  schema: string,
  activity: string,
  closedMs: number,
): Promise<void> {
  await sql`
    update ${sql.table(`${schema}.activity_definition`)} set closed_before = ${timeOf(closedMs)}
    where activity = ${activity} and closed_before < ${timeOf(closedMs)}`.execute(db);
}

interface DefinitionRow {
  readonly activity: string;
  readonly json: string;
  readonly closed: string;
}

const select = (schema: string) => sql<DefinitionRow>`
  select activity, rules::text as json, ${msOf("closed_before")} as closed
  from ${sql.table(`${schema}.activity_definition`)} order by activity`;

function fromRow({ activity: name, json: text, closed }: DefinitionRow): StoredActivity {
  // Written by `writeDefinitions`.
  const { clock, latenessMs, events, ...rules } = JSON.parse(text) as StoredRules;
  const schemas = Object.fromEntries(events.map((event) => [event, null] as const));
  const activity: AnyActivity = { name, clock, latenessMs, rules, events: schemas, counts: rules.counters };
  return { activity, closedMs: Number(closed) };
}
