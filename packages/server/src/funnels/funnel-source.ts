import type { AnyFlow } from "@sessions/core/internal";
import { bodyText, parseBody } from "../flows/rows/history/history-entry.ts";
import { sessionHistory } from "../flows/session-history.ts";
import type { FeedSource } from "../projections/source.ts";
import type { FunnelEntry } from "./session-rules.ts";

/** The history of the sessions of these flows, as far as funnels look at it. It holds nothing that somebody typed. */
export function funnelSource(flows: readonly AnyFlow[]): FeedSource<FunnelEntry> {
  const names = new Set(flows.map(({ name }) => name));
  return {
    ...sessionHistory(flows),
    body: bodyText,
    isLast: ({ body }) => parseBody(body).status !== "active",
    read({ owner, body: text }) {
      const { session, flow, version, at, device, status, current, change, lifted, drafted } = parseBody(text);
      // An adoption moves nobody. If the flow's own path function threw, the session's next entry tells where it is.
      const isNowhere = status === "active" && current === null;
      if (!names.has(flow) || isNowhere) return null;
      return {
        owner,
        session,
        flow,
        version,
        atMs: Date.parse(at),
        device,
        status,
        current,
        submitted: change.kind === "submit" ? change.step : null,
        draftedMs: drafted === undefined ? null : Date.parse(drafted),
        liftedSteps: lifted ?? null,
      };
    },
  };
}
