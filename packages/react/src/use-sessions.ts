import type { Session, SessionList, SessionListState } from "@sessions/client";
import type { AnyFlow } from "@sessions/core/internal";
import { useMemo, useSyncExternalStore } from "react";
import { useSessionsClient } from "./sessions-provider.tsx";

/** The owner's sessions of a flow, with functions to start one and to load more. */
export type UseSessionsResult<Flow extends AnyFlow> = SessionListState<Flow> &
  Pick<SessionList<Flow>, "loadMore"> & {
    /** Starts a session, offline too. */
    start(): Session<Flow>;
  };

/**
 * The owner's sessions of a flow, newest first and live. `start` and `loadMore` stay the same functions from render to
 * render.
 *
 * @example
 * const { active, ended, more, loadMore, start } = useSessions(transfer);
 */
export function useSessions<Flow extends AnyFlow>(flow: Flow): UseSessionsResult<Flow> {
  const sessions = useSessionsClient();
  const list = sessions.list(flow);
  const state = useSyncExternalStore(
    list.subscribe,
    () => list.state,
    () => list.initialState,
  );
  const actions = useMemo(
    () => ({ loadMore: list.loadMore, start: () => sessions.start(flow) }),
    [sessions, list, flow],
  );
  return useMemo(() => ({ ...state, ...actions }), [state, actions]);
}
