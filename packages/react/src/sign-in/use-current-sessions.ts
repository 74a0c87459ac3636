import type { CurrentSessions, CurrentSessionsState } from "@sessions/client/sign-in";
import { useSyncExternalStore } from "react";

/**
 * The sessions of the person at this browser: of the owner who is signed in, else of the visitor. After a sign-in, the same
 * session goes on with the owner's sessions.
 *
 * @example
 * const current = createCurrentSessions({ signIn, flows: [transfer], url: "/trpc" }); // once, outside of components
 * const { sessions } = useCurrentSessions(current);
 * return sessions && <SessionsProvider sessions={sessions}><Transfer /></SessionsProvider>;
 */
export function useCurrentSessions(current: CurrentSessions): CurrentSessionsState {
  return useSyncExternalStore(
    current.subscribe,
    () => current.state,
    () => current.initialState,
  );
}
