import { sql, type Kysely } from "kysely";
import { msOf, timeOf } from "../../postgres/values.ts";
import { rowsAsTable } from "./rows-as-table.ts";
import type { Place } from "./pieces.ts";
import type { ActivityTables } from "./tables.ts";

/** A scan reads all stored events again: after a dump was restored into another cluster, or when somebody asks for it. */

/** The start of the first month whose events are stored. */
export async function loadKeptFrom(db: Kysely<ActivityTables>, schema: string): Promise<number> {
  const { rows } = await sql<{ month: string | null }>`
    select min(right(child.relname, 7)) as month from pg_inherits
    join pg_class as child on child.oid = inhrelid
    where inhparent = ${`"${schema}"."activity_event"`}::text::regclass`.execute(db);
  const [year, month] = (rows[0]?.month ?? "1970_01").split("_").map(Number);
  return Date.UTC(year!, month! - 1);
}

/** Removes what these owners' stored events will build again. */
export async function resetOwners(
  db: Kysely<ActivityTables>,
  schema: string,
  { owners, keptFromMs }: { readonly owners: readonly string[]; readonly keptFromMs: number },
): Promise<void> {
  if (owners.length === 0) return;
  const given = rowsAsTable(
    owners.map((owner) => ({ owner })),
    { owner: "text" },
  );
  for (const table of ["activity_session", "activity_session_archive"]) {
    await sql`
      delete from ${sql.table(`${schema}.${table}`)}
      where owner_id in (select owner from ${given}) and started_at >= ${timeOf(keptFromMs)}`.execute(db);
  }
  await sql`
    delete from ${sql.table(`${schema}.activity_late`)}
    where owner_id in (select owner from ${given}) and day >= (${timeOf(keptFromMs)} at time zone 'UTC')::date`.execute(
    db,
  );
}

/** Activity sessions that began before the stored events, and go on among them: up to when they have counted those. */
export async function loadCountedUntil(
  db: Kysely<ActivityTables>,
  schema: string,
  { owners, keptFromMs }: { readonly owners: readonly string[]; readonly keptFromMs: number },
): Promise<readonly (Place & { readonly untilMs: number })[]> {
  const given = rowsAsTable(
    owners.map((owner) => ({ owner })),
    { owner: "text" },
  );
  const kept = sql`${timeOf(keptFromMs)}`;
  const part = (table: string) => sql`
    select owner_id as owner, activity, ${msOf("last_at")} as until from ${sql.table(`${schema}.${table}`)}
    where owner_id in (select owner from ${given}) and started_at < ${kept} and last_at >= ${kept}`;
  const { rows } = await sql<Place & { readonly until: string }>`
    ${part("activity_session")} union all ${part("activity_session_archive")}`.execute(db);
  return rows.map(({ owner, activity, until }) => ({ owner, activity, untilMs: Number(until) }));
}
