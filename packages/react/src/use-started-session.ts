import type { Session } from "@sessions/client";
import type { AnyFlow } from "@sessions/core";
import { useEffect, useRef, useState } from "react";
import { useSessionsClient } from "./sessions-provider.tsx";

/**
 * Starts a session when the component is first on the page, and only then, however often React renders it or runs its
 * effects (`StrictMode` runs each twice). Null until then, and on a server. To start one by a button, call `start` of
 * `useSessions`.
 *
 * @example
 * const session = useStartedSession(transfer);
 * return session && <Transfer id={session.id} />;
 */
export function useStartedSession<F extends AnyFlow>(flow: F): Session<F> | null {
  const sessions = useSessionsClient();
  const started = useRef<Session<F>>(null);
  const [session, setSession] = useState<Session<F> | null>(null);
  useEffect(() => {
    started.current ??= sessions.start(flow);
    setSession(started.current);
  }, [sessions, flow]);
  return session;
}
