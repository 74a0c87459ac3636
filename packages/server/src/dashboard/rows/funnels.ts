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
  /** The sum of the time from coming to the step to its submission. */
  readonly seconds: number;
  /** How many submitted it after a draft, and the sums of their times before and after the first one. */
  readonly drafted: number;
  readonly secondsBefore: number;
  readonly secondsTyping: number;
}

/** The months in which the sessions began, as in "2026-01": both are meant too. */
export interface Months {
  readonly from: string;
  readonly to: string;
}

/** One version of a flow, in some months. */
export interface FunnelPlace {
  readonly flow: string;
  readonly version: number;
  readonly months: Months;
}

/** How many submissions of a step, or completions, took less than a time, and not less than half of it. */
export interface DurationCount {
  /** Empty for whole sessions. */
  readonly step: string;
  readonly belowSeconds: number;
  readonly count: number;
}

/** The columns of the view that are summed up, by their names here. */
const totals = {
  started: "started",
  liftedIn: "lifted_in",
  liftedOut: "lifted_out",
  completed: "completed",
  completedElsewhere: "completed_elsewhere",
  cancelled: "cancelled",
  expired: "expired",
  seconds: "seconds",
};

const stepTotals = {
  entered: "entered",
  submitted: "submitted",
  corrected: "corrected",
  cancelled: "cancelled",
  expired: "expired",
  liftedOut: "lifted_out",
  seconds: "seconds",
  drafted: "drafted",
  secondsBefore: "seconds_before",
  secondsTyping: "seconds_typing",
};

type Columns = Readonly<Record<string, string>>;

/** The flows and their versions, in the months from `fromMonth` ("2026-01") on. */
export async function listFlowTotals(
  source: DashboardSource,
  fromMonth: string,
  limit: number,
): Promise<readonly FlowTotals[]> {
  const { rows } = await sql<Numbers<"version" | keyof typeof totals> & { flow: string }>`
    select flow, version::text as version, ${sumsOf(totals)}
    from ${tableOf(source, "funnel_sessions")} as funnel where month >= ${`${fromMonth}-01`}::text::date
    group by flow, version order by flow, funnel.version desc limit ${limit}::integer`.execute(source.db);
  return rows.map(({ flow, ...row }) => ({ flow, ...numbersOf(row) }));
}

/** One version of a flow by month, the oldest first. */
export async function listFlowMonths(
  source: DashboardSource,
  flow: string,
  version: number,
  fromMonth: string,
): Promise<readonly ({ readonly month: string } & Omit<FlowTotals, "flow" | "version">)[]> {
  const { rows } = await sql<Numbers<keyof typeof totals> & { month: string }>`
    select to_char(month, 'YYYY-MM') as month, ${sumsOf(totals)}
    from ${tableOf(source, "funnel_sessions")}
    where flow = ${flow} and version = ${version}::integer and month >= ${`${fromMonth}-01`}::text::date
    group by month order by month limit 120`.execute(source.db);
  return rows.map(({ month, ...row }) => ({ month, ...numbersOf(row) }));
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
export async function listStepTotals(source: DashboardSource, place: FunnelPlace): Promise<readonly StepTotals[]> {
  const { rows } = await sql<Numbers<keyof typeof stepTotals> & { step: string }>`
    select step, ${sumsOf(stepTotals)}
    from ${tableOf(source, "funnel_steps")} where ${isIn(place)}
    group by step order by sum(entered) desc, step limit 100`.execute(source.db);
  return rows.map(({ step, ...row }) => ({ step, ...numbersOf(row) }));
}

/** How long steps and whole sessions took, the shortest times first. */
export async function listDurations(source: DashboardSource, place: FunnelPlace): Promise<readonly DurationCount[]> {
  const { rows } = await sql<{ step: string; below: string; count: string }>`
    select coalesce(step, '') as step, below_s::text as below, sum(n)::text as count
    from ${tableOf(source, "funnel_durations")} where ${isIn(place)}
    group by 1, below_s order by 1, below_s limit 5000`.execute(source.db);
  return rows.map(({ step, below, count }) => ({ step, belowSeconds: Number(below), count: Number(count) }));
}

/** How many commands of a version of a flow were refused, the most frequent first. `step` is empty for a command without a step. */
export async function listRefusals(
  source: DashboardSource,
  place: FunnelPlace,
): Promise<readonly { readonly step: string; readonly code: string; readonly count: number }[]> {
  const { rows } = await sql<{ step: string; code: string; count: string }>`
    select step, code, sum(n)::text as count
    from ${tableOf(source, "refusal_count")} where ${isIn(place)}
    group by step, code order by sum(n) desc, step, code limit 100`.execute(source.db);
  return rows.map(({ step, code, count }) => ({ step, code, count: Number(count) }));
}

const isIn = ({ flow, version, months: { from, to } }: FunnelPlace) =>
  sql`flow = ${flow} and version = ${version}::integer
    and month between ${`${from}-01`}::text::date and ${`${to}-01`}::text::date`;

/** Drivers read large numbers in different ways, so they come as text. */
type Numbers<Name extends string> = Readonly<Record<Name, string>>;

const sumsOf = (columns: Columns) =>
  sql.join(
    Object.entries(columns).map(
      ([name, column]) => sql`coalesce(sum(${sql.ref(column)}), 0)::text as ${sql.ref(name)}`,
    ),
  );

function numbersOf<Name extends string>(row: Numbers<Name>): Readonly<Record<Name, number>> {
  const numbers = Object.entries<string>(row).map(([name, text]) => [name, Number(text)]);
  // The names are those of the row.
  return Object.fromEntries(numbers) as Record<Name, number>;
}
