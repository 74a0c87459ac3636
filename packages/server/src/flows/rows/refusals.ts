import { sql, type Kysely } from "kysely";
import { recordset } from "../../postgres/values.ts";
import type { Tables } from "./tables.ts";

/** How often a flow's commands were refused for a reason. */
export interface RefusalCount {
  readonly flow: string;
  readonly version: number;
  /** The month in which they were refused: "2026-11". */
  readonly month: string;
  /** Empty for a command that names no step. */
  readonly step: string;
  readonly code: string;
  readonly n: number;
}

/** Adds to the counts. They are written in one order, so that nodes wait for each other and do not deadlock. */
export async function addRefusals(db: Kysely<Tables>, schema: string, counts: readonly RefusalCount[]): Promise<void> {
  const keyOf = ({ flow, version, month, step, code }: RefusalCount) => [flow, version, month, step, code].join(" ");
  const sorted = counts.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  await sql`
    insert into ${sql.table(`${schema}.refusal_count`)} as counts (flow, version, month, step, code, n)
    select flow, version, (month || '-01')::date, step, code, n
    from ${recordset(sorted, "flow text, version integer, month text, step text, code text, n bigint")}
    on conflict (flow, version, month, step, code) do update set n = counts.n + excluded.n`.execute(db);
}
