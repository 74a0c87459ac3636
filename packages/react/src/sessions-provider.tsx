import { SessionsError } from "@sessions/core/internal";
import type { SessionsClient } from "@sessions/client";
import { createContext, useContext, type ReactNode } from "react";

const SessionsContext = createContext<SessionsClient | null>(null);

/** Gives the owner's sessions to the components below it. It does not close them: the code that made them does. */
export function SessionsProvider({
  sessions,
  children,
}: {
  readonly sessions: SessionsClient;
  readonly children?: ReactNode;
}) {
  return <SessionsContext.Provider value={sessions}>{children}</SessionsContext.Provider>;
}

/**
 * The provider's sessions, for methods without a hook: `receipt`, `device`, `forget`.
 *
 * @throws {SessionsError} `configuration_invalid` outside a provider.
 */
export function useSessionsClient(): SessionsClient {
  const sessions = useContext(SessionsContext);
  if (sessions === null) {
    throw new SessionsError("configuration_invalid", "There is no <SessionsProvider> above this component.");
  }
  return sessions;
}
