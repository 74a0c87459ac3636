import type { AnyActivity } from "../../activity/definition/define-activity.ts";
import { SessionReader, type ActivityPage } from "../../activity/reads/session-reader.ts";
import { listDefinitions } from "../../activity/rows/definitions.ts";
import { table } from "../html/elements.ts";
import { formatDuration, formatNumber, moment } from "../html/format.ts";
import { html, type Html } from "../html/html.ts";
import { wordsOf } from "./overview.ts";
import type { PageContext } from "./page-context.ts";

/** How many activity sessions of each activity are shown. */
const SHOWN = 10;

/** The latest activity sessions of an owner, with the counters that are numbers: the others hold data of events. */
export async function visitsPart({ read, now }: PageContext, owner: string): Promise<Html> {
  const found = await read(async ({ db, schema }) => {
    const reader = new SessionReader({ db, schema, now });
    const pages: (readonly [AnyActivity, ActivityPage])[] = [];
    for (const activity of await listDefinitions(db, schema)) {
      pages.push([activity, await reader.list(owner, activity, { limit: SHOWN })]);
    }
    return pages;
  });
  return html`${found.map(([activity, { sessions, next }]) => visitTable(activity, sessions, next !== null))}`;
}

function visitTable({ name, rules }: AnyActivity, sessions: ActivityPage["sessions"], hasMore: boolean): Html {
  const counters = Object.entries(rules.counters).flatMap(([counter, { kind }]) =>
    kind === "first" || kind === "last" ? [] : [counter],
  );
  return table({
    caption: `Activity sessions: ${wordsOf(name)}${hasMore ? `, the latest ${SHOWN}` : ""}`,
    columns: ["Begun", "Last event", ...["Lasted", "Events", ...counters.map(wordsOf)].map(numbers)],
    rows: sessions.map(({ startedMs, lastMs, events, isOpen, counts }) => [
      moment(startedMs),
      html`${moment(lastMs)}${isOpen && html` <small>goes on</small>`}`,
      formatDuration(lastMs - startedMs),
      formatNumber(events),
      // These counters are numbers.
      ...counters.map((counter) => formatNumber(Number((counts as Readonly<Record<string, unknown>>)[counter]))),
    ]),
    empty: "this owner has none.",
  });
}

const numbers = (title: string) => ({ title, isNumber: true });
