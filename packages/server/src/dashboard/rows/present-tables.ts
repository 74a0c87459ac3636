import { sql } from "kysely";
import type { DashboardSource } from "./tables.ts";

/** The relations on which parts of the pages depend. An application need not have all of them. */
const relations = [
  "session",
  "sign_in",
  "projection_fault",
  "funnel_steps",
  "funnel_sessions",
  "refusal_count",
  "activity_definition",
] as const;

export type PresentTables = ReadonlySet<(typeof relations)[number]>;

export async function listPresent({ db, schema }: DashboardSource): Promise<PresentTables> {
  const { rows } = await sql<{ name: (typeof relations)[number] }>`
    select relname as name from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = ${schema} and relname in (${sql.join(relations)})`.execute(db);
  return new Set(rows.map(({ name }) => name));
}
