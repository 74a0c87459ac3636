export { deviceName } from "./device-name.ts";
export type { FieldConflict } from "./record/conflict.ts";
export type { SubmissionOutcome } from "./record/record.ts";
export type { SessionList, SessionListState } from "./session/session-list.ts";
export type { Session } from "./session/session.ts";
export { createSessionsClient, type SessionsClient, type SessionsClientOptions } from "./sessions.ts";
export type { Conflict, RefusedChange, SessionState, ShelvedChange, SyncState } from "./session/state.ts";
export type { DraftHandle, SubmissionHandle } from "./session/submission.ts";
export type { SessionTransport, WatchObserver } from "./sync/http/transport.ts";
