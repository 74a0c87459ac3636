import { sql, type QueryExecutorProvider } from "kysely";

/** What a column of a view holds. A month is its first day. */
export type ColumnKind = "text" | "integer" | "month" | "number";

const count = "integer";
const place = { flow: "text", version: count, month: "month" } as const;

/** The views and their columns. docs/building/funnels.md says what they mean. */
export const funnelViews = {
  steps: {
    ...place,
    step: "text",
    entered: count,
    submitted: count,
    corrected: count,
    cancelled: count,
    expired: count,
    lifted_out: count,
    seconds: "number",
    drafted: count,
    seconds_before: "number",
    seconds_typing: "number",
  },
  sessions: {
    ...place,
    started: count,
    lifted_in: count,
    lifted_out: count,
    completed: count,
    completed_elsewhere: count,
    cancelled: count,
    expired: count,
    seconds: "number",
  },
  durations: { ...place, step: "text", below_s: count, n: count },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnKind>>>>;

export type FunnelView = keyof typeof funnelViews;

/** A row of a view. A month is a text as in "2026-11-01". */
export type FunnelRow = Readonly<Record<string, string | number | null>>;

/** All rows of a view. There are few: they grow with the flows, and not with the sessions. */
export async function listFunnelRows(
  db: QueryExecutorProvider,
  schema: string,
  view: FunnelView,
): Promise<readonly FunnelRow[]> {
  const columns: readonly (readonly [string, ColumnKind])[] = Object.entries(funnelViews[view]);
  const texts = columns.map(([name]) => sql`${sql.ref(name)}::text as ${sql.ref(name)}`);
  const { rows } = await sql<Readonly<Record<string, string | null>>>`
    select ${sql.join(texts)} from ${sql.table(`${schema}.funnel_${view}`)} order by ${sql.join(
      columns.slice(0, 5).map(([name]) => sql.ref(name)),
    )}`.execute(db);
  return rows.map((row) =>
    Object.fromEntries(
      columns.map(([name, kind]) => {
        const text = row[name]!;
        return [name, text === null || kind === "text" || kind === "month" ? text : Number(text)];
      }),
    ),
  );
}
