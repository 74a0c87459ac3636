export { deviceName } from "./device-name.ts";
export type { FieldConflict } from "./record/conflict.ts";
export type { Settlement } from "./record/record.ts";
export type { SessionList, SessionListState } from "./session/session-list.ts";
export type { Session } from "./session/session.ts";
export { createSessions, type Sessions, type SessionsOptions } from "./sessions.ts";
export type { Conflict, Refused, SessionState, Shelved, SyncState } from "./session/state.ts";
export type { Draft, Submission } from "./session/submission.ts";
export type { SessionTransport, WatchObserver } from "./sync/http/transport.ts";
