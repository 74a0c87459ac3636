import type { Session, SessionsClient } from "@sessions/client";
import type { AnyFlow } from "@sessions/core/internal";
import { useEffect, useRef, useState } from "react";
import { useSessionsClient } from "./sessions-provider.tsx";

interface Started<Flow extends AnyFlow> {
  readonly sessions: SessionsClient;
  readonly flow: Flow;
  readonly session: Session<Flow>;
}

/**
 * Starts one session when the component is first on the page. React may render it or run its effects again, as
 * `StrictMode` does: that starts no other session. The result is null until then, and on a server. With another provider's
 * sessions or another flow the component starts another session. To start one by a button, call `start` of `useSessions`.
 *
 * @example
 * const session = useStartedSession(transfer);
 * return session && <Transfer id={session.id} />;
 */
export function useStartedSession<Flow extends AnyFlow>(flow: Flow): Session<Flow> | null {
  const sessions = useSessionsClient();
  const last = useRef<Started<Flow>>(null);
  const [started, setStarted] = useState<Started<Flow> | null>(null);
  const isFor = (one: Started<Flow> | null) => one?.sessions === sessions && one.flow === flow;
  useEffect(() => {
    if (!isFor(last.current)) last.current = { sessions, flow, session: sessions.start(flow) };
    setStarted(last.current);
    // `isFor` depends on these two alone.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [sessions, flow]);
  return started !== null && isFor(started) ? started.session : null;
}
