import { barPlot } from "../html/bar-plot.ts";
import { ageNote, table } from "../html/elements.ts";
import { formatDuration, formatNumber, monthBefore } from "../html/format.ts";
import { html, type HtmlValue } from "../html/html.ts";
import { link, name } from "../html/link.ts";
import {
  listFlowMonths,
  listFlowTotals,
  listDurations,
  listRefusals,
  listStepTotals,
  type DurationCount,
  type FlowTotals,
  type FunnelPlace,
  type StepTotals,
} from "../rows/funnels.ts";
import { presentTables, textOf, type Answer, type PageContext, type PageRequest } from "./page-context.ts";

/** The most versions of flows in the list. */
const LISTED = 100;

/** How many months before this one are shown. */
const MONTHS = 23;

/** How far people come in each flow. */
export async function flows(context: PageContext, { query }: PageRequest): Promise<Answer> {
  const present = await presentTables(context);
  if (!present.has("funnel_steps") || !present.has("funnel_sessions")) {
    return {
      title: "Flows",
      content: html`<p>
        The schema has no funnels yet. Give <code>createFunnels(…).projection</code> of
        <code>@sessions/server/funnels</code> to <code>createProjections</code>, and migrate both.
      </p>`,
    };
  }
  const nowMs = context.now();
  const fromMonth = monthBefore(nowMs, MONTHS);
  const flow = textOf(query, "flow");
  const version = Number(query.get("version"));
  if (flow !== null && Number.isSafeInteger(version) && version > 0 && version < 2 ** 31) {
    const month = query.get("month") ?? "";
    const months = /^\d{4}-(?:0[1-9]|1[0-2])$/.test(month)
      ? { from: month, to: month }
      : { from: fromMonth, to: monthBefore(nowMs, 0) };
    return oneFlow(context, { flow, version, months }, present.has("refusal_count"));
  }
  const { value, atMs } = await context.readings.get("flows", (source) => listFlowTotals(source, fromMonth, LISTED));
  return {
    title: "Flows",
    content: [
      ageNote(nowMs - atMs),
      html`<p>Sessions are counted in the month in which they began, from ${fromMonth} on.</p>`,
      table({
        caption: "Flows and their versions",
        columns: ["Flow", ...["Version", ...outcomeTitles].map(numbers)],
        rows: value.map((each) => [
          link(name(each.flow), "flows", { flow: each.flow, version: each.version }),
          each.version,
          ...outcomes(each),
        ]),
        empty: "no session is counted yet.",
      }),
    ],
  };
}

async function oneFlow(context: PageContext, place: FunnelPlace, countsRefusals: boolean): Promise<Answer> {
  const { flow, version, months } = place;
  const fromMonth = monthBefore(context.now(), MONTHS);
  const { value, atMs } = await context.readings.get(
    `flow ${version} ${months.from} ${months.to} ${flow}`,
    async (source) => ({
      steps: await listStepTotals(source, place),
      durations: await listDurations(source, place),
      months: await listFlowMonths(source, flow, version, fromMonth),
      refusals: countsRefusals ? await listRefusals(source, place) : [],
    }),
  );
  const isOneMonth = months.from === months.to;
  const steps = inOrder(value.steps, Object.keys(context.flows.get(flow)?.steps ?? {}));
  return {
    title: `${flow}, version ${version}${isOneMonth ? `, ${months.from}` : ""}`,
    content: [
      ageNote(context.now() - atMs),
      html`<p>
        Steps, times and refusals of
        ${isOneMonth ? `sessions that began in ${months.from}` : `sessions that began from ${months.from} on`}.
        ${isOneMonth ? link("All months", "flows", { flow, version }) : "The table of months leads to those of one month."}
      </p>`,
      html`<h2>Steps</h2>
        <p>
          A step counts once a session, however often it is corrected. A step that the path leaves out is not entered.
          The time of a step begins when the session comes to it, so it holds the time between this step and the one
          before. The first draft of a step tells the two apart: “before typing” is the time before it, and “typing” the
          time after it. Sessions without a draft of the step have neither.
        </p>`,
      barPlot(
        "How far people come",
        steps.map(({ step, entered, submitted }) => ({ label: step, value: submitted, of: entered })),
        "The number has come to the step. The pale part of it has not submitted the step.",
      ),
      stepTable(steps, value.durations),
      html`<h2>Refused commands</h2>
        <p>Nodes add to these numbers every ten seconds. A command that is sent again counts again.</p>`,
      table({
        caption: "Refused commands by step and reason",
        columns: ["Step", "Reason", numbers("Commands")],
        rows: value.refusals.map(({ step, code, count }) => [
          step === "" ? "none" : name(step),
          code,
          formatNumber(count),
        ]),
        empty: "none was counted.",
      }),
      html`<h2>Months</h2>`,
      barPlot(
        "Begun and completed sessions by month",
        value.months.map(({ month, started, completed }) => ({ label: month, value: completed, of: started })),
        "The pale part of a month is not completed.",
      ),
      table({
        caption: "Sessions by the month in which they began",
        columns: ["Month", ...outcomeTitles.map(numbers)],
        rows: value.months.map((each) => [
          link(each.month, "flows", { flow, version, month: each.month }),
          ...outcomes(each),
        ]),
        empty: "no session is counted yet.",
      }),
      html`<p>${link("All flows", "flows")}</p>`,
    ],
  };
}

function stepTable(steps: readonly StepTotals[], durations: readonly DurationCount[]): HtmlValue {
  return table({
    caption: "Steps: who came, who left, and how long it took",
    columns: [
      "Step",
      ...[
        "Entered",
        "Submitted",
        "Of those who entered",
        "Corrected",
        "Cancelled",
        "Expired",
        "Lifted out",
        "Half took less than about",
        "Nine in ten less than about",
        "On average",
        "Before typing",
        "Typing",
      ].map(numbers),
    ],
    rows: steps.map((each) => [
      name(each.step),
      formatNumber(each.entered),
      formatNumber(each.submitted),
      share(each.submitted, each.entered),
      formatNumber(each.corrected),
      formatNumber(each.cancelled),
      formatNumber(each.expired),
      formatNumber(each.liftedOut),
      below(durations, each.step, 0.5),
      below(durations, each.step, 0.9),
      average(each.seconds, each.submitted),
      average(each.secondsBefore, each.drafted),
      average(each.secondsTyping, each.drafted),
    ]),
    empty: "no step is counted yet.",
  });
}

const outcomeTitles = [
  "Begun",
  "Lifted in",
  "Lifted out",
  "Completed",
  "Of those begun",
  "On another device",
  "Cancelled",
  "Expired",
  "Time, on average",
];

function outcomes(each: Omit<FlowTotals, "flow" | "version">): readonly HtmlValue[] {
  const { started, liftedIn, liftedOut, completed, completedElsewhere, cancelled, expired, seconds } = each;
  return [
    formatNumber(started),
    formatNumber(liftedIn),
    formatNumber(liftedOut),
    formatNumber(completed),
    share(completed, started + liftedIn),
    `${formatNumber(completedElsewhere)}${completed === 0 ? "" : ` (${share(completedElsewhere, completed)})`}`,
    formatNumber(cancelled),
    formatNumber(expired),
    average(seconds, completed),
  ];
}

const numbers = (title: string) => ({ title, isNumber: true });

const share = (part: number, whole: number) => (whole === 0 ? "" : `${Math.round((part / whole) * 100)} %`);

const average = (seconds: number, of: number) => (of === 0 ? "" : formatDuration((seconds / of) * 1_000));

/** The time that a part of the submissions of a step took less than. The counts know it within a factor of two. */
function below(durations: readonly DurationCount[], step: string, part: number): string {
  const own = durations.filter((each) => each.step === step);
  const least = own.reduce((sum, { count }) => sum + count, 0) * part;
  let sum = 0;
  const found = own.find(({ count }) => (sum += count) >= least);
  return found === undefined ? "" : formatDuration(found.belowSeconds * 1_000);
}

/** In the order of the flow, if the dashboard knows it; the others after them. */
function inOrder(steps: readonly StepTotals[], order: readonly string[]): readonly StepTotals[] {
  const placeOf = ({ step }: StepTotals) => (order.includes(step) ? order.indexOf(step) : order.length);
  return steps.toSorted((one, other) => placeOf(one) - placeOf(other));
}
