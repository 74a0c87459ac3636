export { deviceName } from "./device.ts";
export type { Settlement } from "./record.ts";
export type { SessionList, SessionListState } from "./session-list.ts";
export type { Session } from "./session.ts";
export { createSessions, type Sessions, type SessionsOptions } from "./sessions.ts";
export type { Conflict, FieldConflict, Refused, SessionState, Shelved, Sync } from "./state.ts";
export type { Draft, Submission } from "./submission.ts";
export type { SessionTransport, WatchObserver } from "./transport.ts";
