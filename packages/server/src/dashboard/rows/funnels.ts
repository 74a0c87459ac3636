import { sql } from "kysely";
import { tableOf } from "./counts.ts";
import type { DashboardSource } from "./tables.ts";

/** How the sessions of a version of a flow ended, of those that began in these months. */
export interface FlowTotals {
  readonly flow: string;
  readonly version: number;
  readonly started: number;
  readonly liftedIn: number;
  readonly liftedOut: number;
  readonly completed: number;
  readonly completedElsewhere: number;
  readonly cancelled: number;
  readonly expired: number;
  /** The sum of the time from the begin to the completion. */
  readonly seconds: number;
}

export interface StepTotals {
  readonly step: string;
  readonly entered: number;
  readonly submitted: number;
  readonly corrected: number;
  readonly cancelled: number;
  readonly expired: number;
  readonly liftedOut: number;
  /** The sum of the time in the step. */
  readonly seconds: number;
}

type Numbers = Readonly<Record<string, string>>;

const totals = sql`sum(started)::text as started, sum(lifted_in)::text as liftedin,
  sum(lifted_out)::text as liftedout, sum(completed)::text as completed,
  sum(completed_elsewhere)::text as elsewhere, sum(cancelled)::text as cancelled, sum(expired)::text as expired,
  coalesce(sum(seconds), 0)::text as seconds`;

/** The flows and their versions, in the months from `fromMonth` ("2026-01") on. */
export async function listFlowTotals(
  source: DashboardSource,
  fromMonth: string,
  limit: number,
): Promise<readonly FlowTotals[]> {
  const { rows } = await sql<Numbers>`
    select flow, version::text as version, ${totals}
    from ${tableOf(source, "funnel_sessions")} where month >= ${`${fromMonth}-01`}::text::date
    group by flow, version order by flow, version desc limit ${limit}::integer`.execute(source.db);
  return rows.map((row) => ({ flow: row["flow"]!, version: Number(row["version"]), ...totalsOf(row) }));
}

/** One version of a flow by month, the oldest first. */
export async function listFlowMonths(
  source: DashboardSource,
  flow: string,
  version: number,
  fromMonth: string,
): Promise<readonly ({ readonly month: string } & Omit<FlowTotals, "flow" | "version">)[]> {
  const { rows } = await sql<Numbers>`
    select to_char(month, 'YYYY-MM') as month, ${totals}
    from ${tableOf(source, "funnel_sessions")}
    where flow = ${flow} and version = ${version}::integer and month >= ${`${fromMonth}-01`}::text::date
    group by month order by month limit 120`.execute(source.db);
  return rows.map((row) => ({ month: row["month"]!, ...totalsOf(row) }));
}

/** How many sessions of all flows began in each month, the oldest first. */
export async function listBegunMonths(
  source: DashboardSource,
  fromMonth: string,
): Promise<readonly { readonly month: string; readonly started: number }[]> {
  const { rows } = await sql<{ month: string; started: string }>`
    select to_char(month, 'YYYY-MM') as month, sum(started)::text as started
    from ${tableOf(source, "funnel_sessions")} where month >= ${`${fromMonth}-01`}::text::date
    group by month order by month limit 120`.execute(source.db);
  return rows.map(({ month, started }) => ({ month, started: Number(started) }));
}

/** The steps of one version of a flow, those that most people entered first. */
export async function listStepTotals(
  source: DashboardSource,
  flow: string,
  version: number,
  fromMonth: string,
): Promise<readonly StepTotals[]> {
  const { rows } = await sql<Numbers>`
    select step, sum(entered)::text as entered, sum(submitted)::text as submitted, sum(corrected)::text as corrected,
      sum(cancelled)::text as cancelled, sum(expired)::text as expired, sum(lifted_out)::text as liftedout,
      coalesce(sum(seconds), 0)::text as seconds
    from ${tableOf(source, "funnel_steps")}
    where flow = ${flow} and version = ${version}::integer and month >= ${`${fromMonth}-01`}::text::date
    group by step order by sum(entered) desc, step limit 100`.execute(source.db);
  return rows.map((row) => ({
    step: row["step"]!,
    entered: Number(row["entered"]),
    submitted: Number(row["submitted"]),
    corrected: Number(row["corrected"]),
    cancelled: Number(row["cancelled"]),
    expired: Number(row["expired"]),
    liftedOut: Number(row["liftedout"]),
    seconds: Number(row["seconds"]),
  }));
}

/** How many commands of a version of a flow were refused, the most frequent first. `step` is empty for a command without a step. */
export async function listRefusals(
  source: DashboardSource,
  flow: string,
  version: number,
  fromMonth: string,
): Promise<readonly { readonly step: string; readonly code: string; readonly count: number }[]> {
  const { rows } = await sql<{ step: string; code: string; count: string }>`
    select step, code, sum(n)::text as count
    from ${tableOf(source, "refusal_count")}
    where flow = ${flow} and version = ${version}::integer and month >= ${`${fromMonth}-01`}::text::date
    group by step, code order by sum(n) desc, step, code limit 100`.execute(source.db);
  return rows.map(({ step, code, count }) => ({ step, code, count: Number(count) }));
}

function totalsOf(row: Numbers) {
  return {
    started: Number(row["started"]),
    liftedIn: Number(row["liftedin"]),
    liftedOut: Number(row["liftedout"]),
    completed: Number(row["completed"]),
    completedElsewhere: Number(row["elsewhere"]),
    cancelled: Number(row["cancelled"]),
    expired: Number(row["expired"]),
    seconds: Number(row["seconds"]),
  };
}
