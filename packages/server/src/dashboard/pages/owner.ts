import type { SignInSummary } from "../../sign-in/keeper/sign-in-keeper.ts";
import { ageNote, table } from "../html/elements.ts";
import { moment } from "../html/format.ts";
import { html, type Html, type HtmlValue } from "../html/html.ts";
import { inTime } from "../limited-reads.ts";
import { addressOf, link, name, nextLink, sessionLink } from "../html/link.ts";
import { listActiveSummaries, listEndedSummaries, type SessionSummary } from "../rows/sessions.ts";
import { wordsOf } from "./overview.ts";
import { visitsPart } from "./visits.ts";
import {
  notFound,
  part,
  presentTables,
  textOf,
  uuidOf,
  type Answer,
  type PageContext,
  type PageRequest,
} from "./page-context.ts";

const PAGE_SIZE = 25;

/** The sessions and the sign-ins of one owner. */
export async function owner(context: PageContext, request: PageRequest): Promise<Answer> {
  const { query } = request;
  const id = textOf(query, "owner");
  if (id === null) return notFound("owner");
  const present = await presentTables(context);
  const list = query.get("list");
  const parts: HtmlValue[] = [ageNote(0)];
  const ended = query.get("out");
  if (ended !== null && /^\d{1,9}$/.test(ended)) {
    parts.push(
      html`<p class="notice" role="status">${ended === "1" ? "1 sign-in has" : `${ended} sign-ins have`} ended.</p>`,
    );
  }
  if (present.has("session") && list !== "sign-ins" && list !== "history" && list !== "ended")
    parts.push(await part("Active sessions", activePart(context, id, query)));
  if (present.has("session") && (list === null || list === "ended"))
    parts.push(await part("Ended sessions", endedPart(context, id, query)));
  if (present.has("sign_in") && (list === null || list === "sign-ins"))
    parts.push(await part("Sign-ins", signInsPart(context, id, request)));
  if (present.has("sign_in") && (list === null || list === "history"))
    parts.push(await part("History of the sign-ins", historyPart(context, id, query)));
  if (present.has("activity_definition") && list === null) {
    parts.push(await part("Activity sessions", visitsPart(context, id)));
  }
  if (list === null) {
    parts.push(
      html`<p>
        <code>sessions export --owner</code> writes all that is kept of an owner, and <code>sessions erase</code> erases
        it.
      </p>`,
    );
  }
  return { title: `Owner ${id}`, content: parts };
}

const sessionColumns = ["Session", "Flow", "Status", "Begun", "Changed", "Last device"] as const;

function sessionRow({ id, flow, status, startedMs, updatedMs, device }: SessionSummary): readonly HtmlValue[] {
  return [
    sessionLink(id),
    name(flow),
    wordsOf(status),
    startedMs === null ? "" : moment(startedMs),
    updatedMs === null ? "" : moment(updatedMs),
    name(device),
  ];
}

async function activePart(context: PageContext, id: string, query: URLSearchParams): Promise<Html> {
  const after = query.get("list") === "active" ? uuidOf(query, "after") : null;
  const found = await context.read((source) => listActiveSummaries(source, id, { after, limit: PAGE_SIZE + 1 }));
  const shown = found.slice(0, PAGE_SIZE);
  const next = found.length > PAGE_SIZE ? (shown.at(-1)?.id ?? null) : null;
  return html`${table({
    caption: "Active sessions",
    columns: [...sessionColumns, "Expires"],
    rows: shown.map((each) => [...sessionRow(each), moment(each.endsMs)]),
    empty: "this owner has none.",
  })}${nextLink(next, "owner", { owner: id, list: "active" })}`;
}

async function endedPart(context: PageContext, id: string, query: URLSearchParams): Promise<Html> {
  const after = query.get("list") === "ended" ? endedPosition(query.get("after")) : null;
  const found = await context.read((source) => listEndedSummaries(source, id, { after, limit: PAGE_SIZE + 1 }));
  const shown = found.slice(0, PAGE_SIZE);
  const last = shown.at(-1);
  const next = found.length > PAGE_SIZE && last !== undefined ? `${last.endsMs}_${last.id}` : null;
  return html`${table({
    caption: "Ended sessions",
    columns: [...sessionColumns, "Ended"],
    rows: shown.map((each) => [...sessionRow(each), moment(each.endsMs)]),
    empty: "this owner has none.",
  })}${nextLink(next, "owner", { owner: id, list: "ended" })}`;
}

function endedPosition(after: string | null) {
  const [, endedMs, id] = /^(\d{1,15})_([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/.exec(after ?? "") ?? [];
  return endedMs === undefined || id === undefined ? null : { endedMs: Number(endedMs), id };
}

async function signInsPart(context: PageContext, id: string, { operator, query }: PageRequest): Promise<Html> {
  const after = query.get("list") === "sign-ins" ? textOf(query, "after") : null;
  const { rows, next } = await inTime(context.signIns.list(id, { limit: PAGE_SIZE, ...(after !== null && { after }) }));
  const mayEnd = operator.mayEndSignIns === true;
  const endOf = ({ publicId }: SignInSummary) => [link("End it…", "end-sign-ins", { owner: id, id: publicId })];
  return html`${table({
    caption: "Sign-ins",
    columns: ["Device", "Place", "Since", "Last used", "Until", "By", ...(mayEnd ? ["End"] : [])],
    rows: rows.map((each) => [
      name(each.device),
      each.place === null ? "" : name(each.place),
      moment(each.sinceMs),
      moment(each.lastUsedMs),
      moment(each.endsMs),
      name(each.factors.join(", ")),
      ...(mayEnd ? endOf(each) : []),
    ]),
    empty: "nobody is signed in as this owner.",
  })}${nextLink(next, "owner", { owner: id, list: "sign-ins" })}${
    mayEnd && rows.length > 0 && html`<p><a href="${addressOf("end-sign-ins", { owner: id })}">End all of them…</a></p>`
  }`;
}

async function historyPart(context: PageContext, id: string, query: URLSearchParams): Promise<Html> {
  const after = query.get("list") === "history" ? textOf(query, "after") : null;
  const { rows, next } = await inTime(
    context.signIns.history(id, { limit: PAGE_SIZE, ...(after !== null && { after }) }),
  );
  return html`${table({
    caption: "History of the sign-ins",
    columns: ["When", "What", "Device", "Place"],
    rows: rows.map(({ atMs, kind, signal, device, place }) => [
      moment(atMs),
      signal === null ? wordsOf(kind) : `signal: ${wordsOf(signal)}`,
      name(device),
      place === null ? "" : name(place),
    ]),
    empty: "it has no entry.",
  })}${nextLink(next, "owner", { owner: id, list: "history" })}`;
}
