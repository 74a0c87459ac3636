export { SessionsProvider, useSessionsClient } from "./sessions-provider.tsx";
export { useSession, type UsedSession } from "./use-session.ts";
export { useSessions, type UsedSessions } from "./use-sessions.ts";
