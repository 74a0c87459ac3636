import type { Session, SessionState } from "@sessions/client";
import type { AnyFlow } from "@sessions/core/internal";
import { useMemo, useSyncExternalStore } from "react";
import { useSessionsClient } from "./sessions-provider.tsx";

type Actions<Flow extends AnyFlow> = Pick<Session<Flow>, "draft" | "submit" | "cancel">;

/** A session's state and its actions. */
export type UseSessionResult<Flow extends AnyFlow> = SessionState<Flow> & Actions<Flow>;

/** The state and the actions of a session that exists or is `missing`: it is no longer `loading`. */
export type UseSuspenseSessionResult<Flow extends AnyFlow> = Exclude<
  SessionState<Flow>,
  { readonly status: "loading" }
> &
  Actions<Flow>;

/**
 * A session by its id, live. The actions stay the same functions from render to render. On a server, and until the store
 * has been read, its `status` is `loading`.
 *
 * @example
 * const { data, drafts, progress, sync, submit } = useSession(transfer, id);
 */
export function useSession<Flow extends AnyFlow>(flow: Flow, id: string): UseSessionResult<Flow> {
  const session = useSessionsClient().open(flow, id);
  const state = useSyncExternalStore(
    session.subscribe,
    () => session.state,
    () => session.initialState,
  );
  return useMemo(() => {
    const { draft, submit, cancel } = session;
    return { ...state, draft, submit, cancel };
  }, [session, state]);
}

/**
 * {@link useSession} that suspends until the client knows whether the session exists. Meanwhile the nearest `<Suspense>`
 * shows its fallback, on a server too.
 */
export function useSuspenseSession<Flow extends AnyFlow>(flow: Flow, id: string): UseSuspenseSessionResult<Flow> {
  const session = useSessionsClient().open(flow, id);
  if (globalThis.document === undefined) throw new Error("What a session holds is known in the browser alone.");
  // React waits for a promise that is thrown. `use` would need version 19.
  if (session.state.status === "loading") throw untilKnown(session);
  // It never turns to loading again.
  return useSession<Flow>(flow, id) as UseSuspenseSessionResult<Flow>;
}

const waiting = new WeakMap<object, Promise<void>>();

function untilKnown<Flow extends AnyFlow>(session: Session<Flow>): Promise<void> {
  const before = waiting.get(session);
  if (before !== undefined) return before;
  const known = new Promise<void>((resolve) => {
    const unsubscribe = session.subscribe(() => {
      if (session.state.status === "loading") return;
      unsubscribe();
      resolve();
    });
  });
  waiting.set(session, known);
  return known;
}
