import { ProjectionOperator } from "../../projections/operator.ts";
import type { ProjectionFault } from "../../projections/rows/faults.ts";
import type { BuildStatus } from "../../projections/rows/status.ts";
import { ageNote, table } from "../html/elements.ts";
import { formatDuration, formatNumber, moment } from "../html/format.ts";
import { html, type HtmlValue } from "../html/html.ts";
import { link, name, ownerLink } from "../html/link.ts";
import { decisions, errorText, faultAddress } from "./actions/fault.ts";
import { projectionStatus } from "./overview.ts";
import { notFound, presentTables, textOf, type Answer, type PageContext, type PageRequest } from "./page-context.ts";

/** The most faults of one projection that are listed. */
const FAULTS = 100;

/** How far the projections are, and what waits for a fault. */
export async function projections(context: PageContext, { operator, query }: PageRequest): Promise<Answer> {
  if (!(await presentTables(context)).has("projection_fault")) {
    return { title: "Projections", content: html`<p>No projection runs: the schema has no tables of projections.</p>` };
  }
  const { value: builds, atMs } = await projectionStatus(context);
  const asked = textOf(query, "projection");
  const content: HtmlValue[] = [ageNote(context.now() - atMs), buildTable(builds)];
  if (asked === null) return { title: "Projections", content };

  if (!builds.some(({ projection }) => projection === asked)) return notFound("projection");
  const decided = query.get("decided") ?? "";
  if (Object.hasOwn(decisions, decided)) {
    content.unshift(html`<p class="notice" role="status">${decisions[decided]!}</p>`);
  }
  // They are read anew: an operator looks at them after a decision.
  const faults = await context.read((source) =>
    new ProjectionOperator({ ...source, now: context.now }).faults(asked, FAULTS),
  );
  const mayDecide = operator.mayDecideFaults === true;
  content.push(
    faultTable(asked, faults, mayDecide),
    !mayDecide && html`<p><code>sessions projections retry</code> and <code>skip</code> decide about a fault.</p>`,
  );
  return { title: `Projection ${asked}`, content };
}

const numbers = (title: string) => ({ title, isNumber: true });

function buildTable(builds: readonly BuildStatus[]): HtmlValue {
  return table({
    caption: "Projections and their builds",
    columns: [
      "Projection",
      numbers("Version"),
      "State",
      numbers("Lag"),
      numbers("Not read"),
      numbers("Wait for a fault"),
      "Applied last",
      "Parts with a node",
    ],
    rows: builds.map(({ projection, version, isLive, scan, lagMs, behind, waiting, at, led, buckets }) => [
      link(name(projection), "projections", { projection }),
      version,
      stateOf(isLive, scan),
      formatDuration(lagMs),
      `${formatNumber(behind.rows)}${behind.exact ? "" : " or more"}`,
      waiting === 0 ? 0 : html`<strong class="bad">${formatNumber(waiting)}</strong>`,
      moment(Date.parse(at)),
      led === buckets ? `${led} of ${buckets}` : html`<strong class="bad">${led} of ${buckets}</strong>`,
    ]),
    empty: "none has begun.",
  });
}

function stateOf(isLive: boolean, scan: BuildStatus["scan"]): string {
  const place = isLive ? "live" : "beside the live one";
  return scan === null ? place : `${place}, has read ${formatNumber(scan.done)} of about ${formatNumber(scan.total)}`;
}

function faultTable(projection: string, faults: readonly ProjectionFault[], mayDecide: boolean): HtmlValue {
  return table({
    caption: `Streams of ${projection} that wait, at most ${FAULTS}`,
    columns: [
      "Stream",
      "Owner",
      numbers("Entry"),
      numbers("Tries"),
      "Error",
      "Since",
      "Next try",
      ...(mayDecide ? ["Decide"] : []),
    ],
    rows: faults.map((fault) => [
      html`<bdi class="id">${fault.stream}</bdi>`,
      ownerLink(fault.owner),
      fault.number,
      fault.tries,
      errorText(fault),
      moment(Date.parse(fault.since)),
      fault.nextAt === null ? "only by an operator" : moment(Date.parse(fault.nextAt)),
      ...(mayDecide ? [html`<a href="${faultAddress(fault)}">Retry or skip…</a>`] : []),
    ]),
    empty: "none waits.",
  });
}
