import { ageNote, facts, table } from "../html/elements.ts";
import { formatDuration, formatNumber, moment } from "../html/format.ts";
import { html, type HtmlValue } from "../html/html.ts";
import { name } from "../html/link.ts";
import { loadHealth, type Health, type OpenTransaction } from "../rows/health.ts";
import type { Answer, PageContext, PageRequest } from "./page-context.ts";

/** A transaction that is older than this keeps Postgres from cleaning up, in milliseconds. */
const OLD_MS = 60_000;

/** For how long a reading is shown again, in milliseconds: what blocks others is to be named soon. */
const SHOWN_MS = 3_000;

/** The database, and this node's way to it. */
export async function health(context: PageContext, _request: PageRequest): Promise<Answer> {
  const { value, atMs } = await context.readings.get("health", loadHealth, SHOWN_MS);
  const nowMs = context.now();
  return {
    title: "Health",
    content: [
      ageNote(nowMs - atMs),
      facts([
        [
          "PostgreSQL",
          html`<span>${value.version}</span>${value.isReplica && html` <small>a replica: it takes no writes</small>`}`,
        ],
        ["Oldest open transaction", oldest(value)],
        ["Prepared transactions", html`<span>${formatNumber(value.preparedTransactions)}</span>`],
        ["This node and the bus", busText(context)],
        ["Connections of this node", poolText(context)],
      ]),
      !value.seesAll &&
        html`<p class="notice">
          The dashboard's role sees only its own transactions. Grant it <code>pg_read_all_stats</code>.
        </p>`,
      transactionTable(value.transactions),
      table({
        caption: `Connections of all databases, of at most ${formatNumber(value.maxConnections)}`,
        columns: ["State", { title: "Connections", isNumber: true }],
        rows: value.connections.map(({ state, count }) => [state, formatNumber(count)]),
        empty: "Postgres tells of none.",
      }),
      table({
        caption: "Replicas",
        columns: ["Name", "State", "Kind", { title: "Behind", isNumber: true }],
        rows: value.replicas.map(({ name: replica, state, sync, lagMs }) => [
          name(replica),
          state,
          sync,
          lagMs === null ? "nothing to replay" : formatDuration(lagMs),
        ]),
        empty: "none is connected.",
      }),
      html`<p>Each node knows only of itself. The metrics of all nodes are in your monitoring.</p>`,
    ],
  };
}

function oldest({ transactions: [first] }: Health): HtmlValue {
  if (first === undefined) return html`<span>none</span>`;
  const { ageMs, database } = first;
  const note = ageMs > OLD_MS && html` <strong class="bad">Dead rows stay until it ends</strong>`;
  return html`<span>${formatDuration(ageMs)}</span>${note} <small>in the database ${name(database ?? "")}</small>`;
}

function transactionTable(transactions: readonly OpenTransaction[]): HtmlValue {
  return table({
    caption: "Open transactions of all databases: the oldest, and those that have written and idle",
    columns: ["Process", "Database", "Application", "State", { title: "Open for", isNumber: true }, "Has written"],
    rows: transactions.map((transaction) => {
      const { pid, database, application, state, ageMs, hasWritten } = transaction;
      return [
        pid,
        name(database ?? ""),
        name(application),
        idlesAfterWrite(transaction) ? html`<strong class="bad">${state}, and has written</strong>` : state,
        formatDuration(ageMs),
        hasWritten ? "yes" : "no",
      ];
    }),
    empty: "none is open.",
  });
}

/** It keeps its locks, and its changes from everybody, while its application does nothing. */
function idlesAfterWrite({ state, hasWritten }: OpenTransaction): boolean {
  return hasWritten && state.startsWith("idle in transaction");
}

function busText({ bus }: PageContext): HtmlValue {
  const state = bus();
  if (state === null) return "The dashboard was given no bus";
  return state.isListening
    ? html`hears it since ${moment(state.sinceMs)}`
    : html`<strong class="bad">is deaf</strong> since ${moment(state.sinceMs)}`;
}

function poolText({ pool }: PageContext): HtmlValue {
  const state = pool();
  if (state === null) return "The database has no pool that tells";
  const most = state.most === null ? "" : ` of at most ${state.most}`;
  return `${state.open} open${most}, ${state.idle} idle, ${state.waiting} requests wait`;
}
