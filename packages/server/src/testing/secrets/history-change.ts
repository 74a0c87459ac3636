import type { HistoryChange } from "@sessions/core/internal";
import type { HistoryEntry } from "../../flows/rows/history/history-entry.ts";

/** The change of an entry, as core replays it. */
export function changeOf({ body, content }: HistoryEntry): HistoryChange {
  const { data = null, input, seenDrafts, lifted } = content;
  const submitted = { data, ...(input !== undefined && { input }), ...(seenDrafts !== undefined && { seenDrafts }) };
  const change: HistoryChange = body.change.kind === "submit" ? { ...body.change, ...submitted } : body.change;
  return lifted === undefined ? change : { ...change, lifted };
}
