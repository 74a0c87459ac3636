import type { Session, SessionState } from "@sessions/client";
import type { AnyFlow } from "@sessions/core";
import { useMemo, useSyncExternalStore } from "react";
import { useSessionsClient } from "./sessions-provider.tsx";

/** A session's state, and what can be done with it. */
export type UsedSession<F extends AnyFlow> = SessionState<F> & Pick<Session<F>, "draft" | "submit" | "cancel">;

/**
 * A session by its id, live. The actions stay the same from render to render. On a server, and until the
 * store has been read, its `status` is `loading`.
 *
 * @example
 * const { data, drafts, progress, sync, submit } = useSession(transfer, id);
 */
export function useSession<F extends AnyFlow>(flow: F, id: string): UsedSession<F> {
  const session = useSessionsClient().open(flow, id);
  const state = useSyncExternalStore(
    session.subscribe,
    () => session.state,
    () => session.blank,
  );
  return useMemo(() => {
    const { draft, submit, cancel } = session;
    return { ...state, draft, submit, cancel };
  }, [session, state]);
}
