import type { AnyFlow } from "@sessions/core/internal";
import type { HistoryBody } from "../flows/rows/stored-session.ts";
import { sessionHistory } from "../flows/session-history.ts";
import type { FeedSource } from "../projections/source.ts";
import type { FunnelEntry } from "./session-fold.ts";

/** The history of the sessions of these flows, as far as funnels look at it. It holds nothing that somebody typed. */
export function funnelSource(flows: readonly AnyFlow[]): FeedSource<FunnelEntry> {
  const names = new Set(flows.map(({ name }) => name));
  return {
    ...sessionHistory(flows),
    read({ owner, body: text }) {
      // Written by this package, as HistoryBody.
      const body = JSON.parse(text) as HistoryBody;
      const { session, flow, version, at, device, status, current, change } = body;
      // An adoption moves nobody. If the flow's own path function threw, the session's next entry tells where it is.
      const isNowhere = status === "active" && current === null;
      if (!names.has(flow) || isNowhere) return null;
      return {
        owner,
        session,
        flow,
        version,
        atMs: Date.parse(at),
        device: device.id,
        status,
        current,
        submitted: change.kind === "submit" ? change.step : null,
        liftedSteps: change.lifted ? Object.keys(change.lifted.submissions) : null,
      };
    },
  };
}
