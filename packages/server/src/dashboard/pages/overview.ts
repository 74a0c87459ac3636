import type { Count } from "../count.ts";
import { ageNote, countValue, facts, plotWithTable, table } from "../html/elements.ts";
import { barPlot } from "../html/bar-plot.ts";
import { formatDuration, formatNumber, monthBefore } from "../html/format.ts";
import { html, type Html, type HtmlValue } from "../html/html.ts";
import { link } from "../html/link.ts";
import { ProjectionOperator } from "../../projections/operator.ts";
import { countBegun, countDue, countEnded, countLive } from "../rows/counts.ts";
import { listBegunMonths } from "../rows/funnels.ts";
import type { PresentTables } from "../rows/present-tables.ts";
import { listMonths } from "../rows/storage.ts";
import { part, presentTables, type Answer, type PageContext, type PageRequest } from "./page-context.ts";
import { searchForms } from "./search-forms.ts";

/** The most months of the plot: two years. */
const MONTHS = 24;
/** How many coming months may have tables already. */
const COMING = 12;
const DAY_MS = 86_400_000;

/** How much there is, and what waits. */
export async function overview(context: PageContext, _request: PageRequest): Promise<Answer> {
  const present = await presentTables(context);
  const parts: HtmlValue[] = [searchForms()];
  if (present.has("session")) parts.push(await part("Sessions", sessionsPart(context, present)));
  if (present.has("sign_in")) parts.push(await part("Sign-ins", signInsPart(context)));
  if (present.has("projection_fault")) parts.push(await part("Projections", projectionsPart(context)));
  return { title: "Overview", content: parts };
}

async function sessionsPart(context: PageContext, present: PresentTables): Promise<Html> {
  const nowMs = context.now();
  const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const { value, atMs } = await context.readings.get(`sessions ${todayMs}`, async (source) => ({
    open: await countLive(source, "session", "expires_bucket"),
    due: await countDue(source, "session", "expires_bucket", nowMs),
    begun: await countBegun(source, "session_event", todayMs),
    ended: await countEnded(source, "session_archive", todayMs),
    begunMonths: present.has("funnel_sessions") ? await listBegunMonths(source, monthBefore(nowMs, MONTHS - 1)) : [],
    months: await listMonths(source, "session_archive", MONTHS + COMING),
  }));
  const ageMs = nowMs - atMs;
  const months = value.months.filter(({ month }) => month <= new Date(nowMs).toISOString().slice(0, 7)).slice(-MONTHS);
  return html`<section aria-labelledby="sessions">
    <h2 id="sessions">Sessions</h2>
    ${ageNote(ageMs)}
    ${facts([
      ["Open", countValue(value.open, ageMs)],
      ["Begun today", countValue(value.begun, ageMs)],
      ...endedFacts(value.ended, ageMs),
      ["Expired, wait for the sweep", countValue(value.due, ageMs)],
    ])}
    <div class="plots">${begunMonthsPart(value.begunMonths)}${endedMonthsPart(months)}</div>
    <p>${link("How far people come in each flow", "flows")}</p>
  </section>`;
}

/** The funnels count begins. Without funnels nobody does: an index of each month would have to be read. */
function begunMonthsPart(months: Awaited<ReturnType<typeof listBegunMonths>>): HtmlValue {
  if (months.length === 0) return null;
  return plotWithTable(
    barPlot(
      "Sessions begun by month",
      months.map(({ month, started }) => ({ label: month, value: started })),
    ),
    {
      title: "The begun sessions as a table",
      table: table({
        caption: "Sessions begun by month, as the funnels count them",
        columns: ["Month", { title: "Begun", isNumber: true }],
        rows: months.map(({ month, started }) => [month, formatNumber(started)]),
        empty: "no session is counted yet.",
      }),
    },
  );
}

function endedMonthsPart(months: Awaited<ReturnType<typeof listMonths>>): HtmlValue {
  return plotWithTable(
    barPlot(
      "Sessions ended by month",
      months.map(({ month, rows }) => ({ label: month, value: rows ?? 0 })),
    ),
    {
      title: "The ended sessions as a table",
      table: table({
        caption: "Sessions ended by month, as Postgres estimates them",
        columns: ["Month", { title: "Ended", isNumber: true }],
        rows: months.map(({ month, rows }) => [
          month,
          rows === null ? "not analysed yet" : `about ${formatNumber(rows)}`,
        ]),
        empty: "there is no month yet.",
      }),
    },
  );
}

async function signInsPart(context: PageContext): Promise<Html> {
  const nowMs = context.now();
  const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const { value, atMs } = await context.readings.get(`sign-ins ${todayMs}`, async (source) => ({
    live: await countLive(source, "sign_in", "sweep_bucket"),
    due: await countDue(source, "sign_in", "sweep_bucket", nowMs),
    begun: await countBegun(source, "sign_in_event", todayMs),
    ended: await countEnded(source, "sign_in_archive", todayMs),
  }));
  const ageMs = nowMs - atMs;
  return html`<section aria-labelledby="sign-ins">
    <h2 id="sign-ins">Sign-ins</h2>
    ${ageNote(ageMs)}
    ${facts([
      ["Live", countValue(value.live, ageMs)],
      ["Begun today", countValue(value.begun, ageMs)],
      ...endedFacts(value.ended, ageMs),
      ["Wait for the sweep", countValue(value.due, ageMs)],
    ])}
    <p>${link("Signals and ends", "sign-ins")}</p>
  </section>`;
}

async function projectionsPart(context: PageContext): Promise<Html> {
  const { value: builds, atMs } = await projectionStatus(context);
  const live = builds.filter(({ isLive }) => isLive);
  const ageMs = context.now() - atMs;
  return html`<section aria-labelledby="projections">
    <h2 id="projections">Projections</h2>
    ${ageNote(ageMs)}
    ${facts([
      ["Live projections", html`<span>${live.length}</span>`],
      ["Greatest lag", html`<span>${formatDuration(Math.max(0, ...live.map(({ lagMs }) => lagMs)))}</span>`],
      ["Sessions that wait for a fault", html`<span>${builds.reduce((sum, { waiting }) => sum + waiting, 0)}</span>`],
    ])}
    <p>${link("Each projection", "projections")}</p>
  </section>`;
}

/** How the projections stand. */
export function projectionStatus(context: PageContext) {
  return context.readings.get("projections", (source) =>
    new ProjectionOperator({ ...source, now: context.now }).status(),
  );
}

/** The ends of a day, by the word that says how. */
export function endedFacts(
  ended: readonly { readonly ending: string; readonly count: Count }[],
  ageMs: number,
): readonly (readonly [string, Html])[] {
  if (ended.length === 0) return [["Ended today", countValue({ rows: 0, how: "counted" }, ageMs)]];
  return ended.map(({ ending, count }) => [`Ended today: ${wordsOf(ending)}`, countValue(count, ageMs)]);
}

/** A word of code as a person reads it. */
export function wordsOf(code: string): string {
  return code.replaceAll("_", " ");
}
