export { SessionsProvider, useSessionsClient } from "./sessions-provider.tsx";
export { useSession, useSuspenseSession, type KnownSession, type UsedSession } from "./use-session.ts";
export { useSessions, type UsedSessions } from "./use-sessions.ts";
export { useStartedSession } from "./use-started-session.ts";
export { useStep, type UsedStep } from "./use-step.ts";
