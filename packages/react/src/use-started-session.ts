import type { Session, Sessions } from "@sessions/client";
import type { AnyFlow } from "@sessions/core";
import { useEffect, useRef, useState } from "react";
import { useSessionsClient } from "./sessions-provider.tsx";

interface Started<F extends AnyFlow> {
  readonly sessions: Sessions;
  readonly flow: F;
  readonly session: Session<F>;
}

/**
 * Starts a session when the component is first on the page, and only then, however often React renders it or runs its
 * effects (`StrictMode` runs each twice). Null until then, and on a server. Another provider's sessions or another flow
 * have one of their own. To start one by a button, call `start` of `useSessions`.
 *
 * @example
 * const session = useStartedSession(transfer);
 * return session && <Transfer id={session.id} />;
 */
export function useStartedSession<F extends AnyFlow>(flow: F): Session<F> | null {
  const sessions = useSessionsClient();
  const last = useRef<Started<F>>(null);
  const [started, setStarted] = useState<Started<F> | null>(null);
  const isFor = (one: Started<F> | null) => one?.sessions === sessions && one.flow === flow;
  useEffect(() => {
    if (!isFor(last.current)) last.current = { sessions, flow, session: sessions.start(flow) };
    setStarted(last.current);
    // What it is for is told by these two.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [sessions, flow]);
  return started !== null && isFor(started) ? started.session : null;
}
