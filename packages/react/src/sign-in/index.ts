export { useHandOffRequest } from "./use-hand-off-request.ts";
export { useGuests } from "./use-guests.ts";
export { useSignIn } from "./use-sign-in.ts";
export { useSignIns, type UseSignInsResult } from "./use-sign-ins.ts";
export { useVisitData, type UseVisitDataResult } from "./use-visit-data.ts";
export { useCurrentSessions } from "./use-current-sessions.ts";
