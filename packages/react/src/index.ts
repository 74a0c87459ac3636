export { SessionsProvider, useSessionsClient } from "./sessions-provider.tsx";
export { useSession, useSuspenseSession, type UseSuspenseSessionResult, type UseSessionResult } from "./use-session.ts";
export { useSessions, type UseSessionsResult } from "./use-sessions.ts";
export { useStartedSession } from "./use-started-session.ts";
export { useStep, type UseStepResult } from "./use-step.ts";
