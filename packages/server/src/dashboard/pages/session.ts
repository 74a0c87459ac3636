import { unlessKeysMissing } from "./keys-missing.ts";
import { verifySession } from "../../flows/verification/verify.ts";
import { ageNote, facts, table } from "../html/elements.ts";
import { formatNumber, moment } from "../html/format.ts";
import { html, type Html, type HtmlValue } from "../html/html.ts";
import { inTime } from "../limited-reads.ts";
import { name, nextLink, ownerLink } from "../html/link.ts";
import { findOwner, listTimeline, loadSummary, type SessionSummary, type TimelineEntry } from "../rows/sessions.ts";
import { wordsOf } from "./overview.ts";
import { reasonField } from "./actions/reason.ts";
import { notFound, presentTables, uuidOf, type Answer, type PageContext, type PageRequest } from "./page-context.ts";

const PAGE_SIZE = 50;

/** A longer history is verified by the command line: a page must not take long. */
const VERIFIED_ENTRIES = 2_000;

/** One session: its state, its history and whether the two agree. Nothing that a person typed. */
export async function session(context: PageContext, { operator, query }: PageRequest): Promise<Answer> {
  const id = uuidOf(query, "id");
  if (id === null || !(await presentTables(context)).has("session")) return notFound("session");
  const after = Math.min(2_000_000_000, Math.max(0, Math.trunc(Number(query.get("after")) || 0)));
  const found = await context.read(async (source) => {
    const owner = await findOwner(source, id);
    const summary = owner === null ? null : await loadSummary(source, owner, id);
    if (owner === null || summary === null) return null;
    return { owner, summary, entries: await listTimeline(source, owner, id, { after, limit: PAGE_SIZE + 1 }) };
  });
  if (found === null) return notFound("session");

  const { owner, summary, entries } = found;
  const shown = entries.slice(0, PAGE_SIZE);
  const last = shown.at(-1);
  const next = entries.length > PAGE_SIZE && last !== undefined ? String(last.entry) : null;
  return {
    title: `Session ${id}`,
    content: [
      ageNote(0),
      facts([
        ["Owner", ownerLink(owner)],
        ["Flow", html`<bdi>${summary.flow}</bdi>, version ${summary.version}`],
        ["Status", wordsOf(summary.status)],
        ["Revision", formatNumber(summary.revision)],
        ["Begun", summary.startedMs === null ? "not known" : moment(summary.startedMs)],
        ["Changed", summary.updatedMs === null ? "not known" : moment(summary.updatedMs)],
        [summary.status === "active" ? "Expires" : "Ended", moment(summary.endsMs)],
        ["Last device", name(summary.device)],
        ["Verification", await verification(context, owner, summary)],
      ]),
      timeline(shown),
      nextLink(next, "session", { id }),
      operator.mayReadTyped === true && typedForm(id),
    ],
  };
}

/** Whether the session is as its history says. It is checked at each look. */
async function verification(
  { db, schema, cipherOf }: PageContext,
  owner: string,
  summary: SessionSummary,
): Promise<HtmlValue> {
  if (summary.entries > VERIFIED_ENTRIES) {
    return `Its history has ${formatNumber(summary.entries)} entries: run \`sessions verify\``;
  }
  const cipher = await cipherOf(owner).catch(unlessKeysMissing);
  if (cipher === null) return "Not verified: the owner has keys, and the dashboard was not given the option `keys`";
  const problem = await inTime(verifySession(db.withSchema(schema), owner, summary.id, () => cipher));
  return problem === null
    ? html`<strong class="good">Whole</strong>
        <small>each entry's hash covers the one before it, and the session is as they say; checked now</small>`
    : html`<strong class="bad">Broken</strong> <small>it ${problem}; checked now</small>`;
}

function timeline(entries: readonly TimelineEntry[]): Html {
  return table({
    caption: "History",
    columns: ["Entry", "When", "What", "Step", "Status after it", "Version", "Device"],
    rows: entries.map(({ entry, atMs, kind, step, status, version, device }) => [
      entry,
      moment(atMs),
      kinds[kind] ?? name(kind),
      step === null ? "" : name(step),
      wordsOf(status),
      version,
      name(device),
    ]),
    empty: "it has no entry here.",
  });
}

const kinds: Readonly<Record<string, string>> = {
  start: "begun",
  submit: "submitted",
  end: "ended",
  lift: "lifted to a later version",
  adopt: "adopted from a visitor",
};

function typedForm(id: string): Html {
  return html`<section aria-labelledby="typed">
    <h2 id="typed">What the person typed</h2>
    <p>It is shown once. Your name and your reason are noted in the audit first.</p>
    <form class="row" method="post" action="?view=typed">
      <input type="hidden" name="id" value="${id}" />
      ${reasonField}
      <button>Note the reason and show it</button>
    </form>
  </section>`;
}
