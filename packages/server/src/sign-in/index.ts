export type { ExpressErrorMiddleware, ExpressMiddleware } from "./adapters/express.ts";
export type { FastifyErrorHandler, FastifyOptions, FastifyPlugin } from "./adapters/fastify.ts";
export type { EndReason, SignInHistoryItem, ListPage, ListPageRequest } from "./keeper/sign-in-keeper.ts";
export type { AssuranceLevel } from "@sessions/core";
export type { SignInExpires } from "./lifetime.ts";
export type { DataDefinition, DataDefinitions } from "@sessions/core";
export type { HandOffOptions } from "./options/hand-off-options.ts";
export type {
  ApproveReply,
  AskReply,
  ClaimReply,
  FindReply,
  LookReply,
  OfferReply,
  SignInAgainReply,
} from "./router/hand-off-replies.ts";
export type { HandOffTarget } from "./keeper/hand-offs/hand-off-keeper.ts";
export { createSignIns } from "./create-sign-ins.ts";
export type { VersionedValue } from "./visit/data/kept-data.ts";
export { signInHistory, type SignInEntry } from "./sign-in-history.ts";
export type { SignInsOptions } from "./options/options.ts";
export type { DataReply, SetDataReply } from "./router/data-router.ts";
export type { SignInRouter } from "./router/router.ts";
export type { CurrentReply, ListSignInsReply, RevokeReply, SignInReply } from "./router/sign-in-replies.ts";
export type { ContextOptions, SignIns, VisitIdentity } from "./sign-ins.ts";
export type { Signal, SignalDecision } from "./visit/signal-detector.ts";
export type {
  ApplicationData,
  DeclaredData,
  ReadOnlyVisit,
  SignedIn,
  SignInAsOptions,
  SignInPage,
  SignInPageRequest,
  Visit,
  VisitingGuest,
} from "./visit/visit.ts";
export { VisitError, type AskedProof, type VisitErrorReason } from "./visit/exchange/visit-error.ts";
export type { ReadOnlyVisitData, VisitData } from "./visit/data/visit-data.ts";
export type { VisitedSignIn } from "./visit/visited-sign-in.ts";
export type { RequestHead, RequestHeaders } from "./request/request-head.ts";
