export type { HandOffRequest, HandOffRequestState } from "./hand-off/hand-off-request.ts";
export {
  createCurrentSessions,
  type CurrentSessions,
  type CurrentSessionsOptions,
  type CurrentSessionsState,
} from "./current-sessions.ts";
export type { ChangedData, DataClient } from "./data-client.ts";
export type { DataItem, DataState } from "./data-items.ts";
export type {
  ApproveResult,
  FindResult,
  HandedSession,
  HandOffClient,
  LookResult,
  OfferResult,
} from "./hand-off/hand-off-client.ts";
export type { RequestingDevice, EndedSignIn, HandOffTarget, SignIn } from "./sign-in-api.ts";
export {
  createSignInClient,
  type RevokeResult,
  type SignInClient,
  type SignInClientOptions,
  type SignOutOptions,
  type SignOutResult,
} from "./sign-in-client.ts";
export type { SignInState } from "./sign-in-state.ts";
export { unsentSessions, type UnsentSession } from "./unsent.ts";
export type { Visitor } from "./visitor.ts";
