import { ageNote, countValue, facts, table } from "../html/elements.ts";
import { moment } from "../html/format.ts";
import { html } from "../html/html.ts";
import { name, nextLink, ownerLink } from "../html/link.ts";
import { countBegun, countEnded, countLive } from "../rows/counts.ts";
import { listSignals, type SignalPosition } from "../rows/sign-ins.ts";
import { endedFacts, wordsOf } from "./overview.ts";
import { presentTables, type Answer, type PageContext, type PageRequest } from "./page-context.ts";

const PAGE_SIZE = 50;
const DAY_MS = 86_400_000;

/** How sign-ins begin and end, and the signals of all owners. */
export async function signIns(context: PageContext, { query }: PageRequest): Promise<Answer> {
  if (!(await presentTables(context)).has("sign_in")) {
    return { title: "Sign-ins", content: html`<p>This schema has no tables of sign-ins.</p>` };
  }
  const nowMs = context.now();
  const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const after = query.get("after") ?? "";
  const { value, atMs } = await context.readings.get(`signals ${todayMs} ${after}`, async (source) => ({
    live: await countLive(source, "sign_in", "sweep_bucket"),
    begun: await countBegun(source, "sign_in_event", todayMs),
    ended: await countEnded(source, "sign_in_archive", todayMs),
    signals: await listSignals(source, { before: positionOf(after), limit: PAGE_SIZE + 1 }),
  }));
  const ageMs = nowMs - atMs;
  const shown = value.signals.slice(0, PAGE_SIZE);
  const last = shown.at(-1);
  const next = value.signals.length > PAGE_SIZE && last !== undefined ? `${last.atMs}_${last.signIn}` : null;
  return {
    title: "Sign-ins",
    content: [
      ageNote(ageMs),
      facts([
        ["Live", countValue(value.live, ageMs)],
        ["Begun today", countValue(value.begun, ageMs)],
        ...endedFacts(value.ended, ageMs),
      ]),
      html`<h2>Signals</h2>
        <p>
          A signal is a request that did not fit its sign-in. A secret or a code that is used twice ends the sign-in.
        </p>`,
      table({
        caption: "Signals, the newest first",
        columns: ["When", "What", "Owner", "Device", "Place"],
        rows: shown.map(({ atMs: ms, kind, owner, device, place }) => [
          moment(ms),
          wordsOf(kind),
          ownerLink(owner),
          name(device),
          place !== null && name(place),
        ]),
        empty: "there was none.",
      }),
      nextLink(next, "sign-ins", {}),
    ],
  };
}

function positionOf(after: string): SignalPosition | null {
  const [, ms, signIn] = /^(\d{1,15})_([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/.exec(after) ?? [];
  return ms === undefined || signIn === undefined ? null : { atMs: Number(ms), signIn };
}
