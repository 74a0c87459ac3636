/** All names that the packages of this repository share. Another release may change them: applications import `@sessions/core`. */
export {
  commandSchema,
  deviceSchema,
  type CancelCommand,
  type Command,
  type Device,
  type DraftCommand,
  type StartCommand,
  type SubmitCommand,
} from "./protocol/command.ts";
export { durationMs, type Duration } from "./duration.ts";
export { faultCodes, SessionsError, type FaultCode } from "./error.ts";
export { defineFlow, fieldTest, stepOf, type AnyFlow, type Flow, type FlowOptions } from "./flow/flow.ts";
export type {
  CompleteData,
  CompleteOutputs,
  Data,
  DataOf,
  DraftOf,
  InputOf,
  IsGiven,
  OutputOf,
  Outputs,
  FieldPathsOf,
  ResultOf,
  StepsOf,
  StepsWithOutput,
  VisibleData,
  VisibleInputs,
  PartialInput,
  FormValuesOf,
} from "./flow/flow-data.ts";
export { isFields, mapFields, pickFields } from "./fields.ts";
export { idSchema } from "./id.ts";
export { notStorable, parseInput, submittedInput } from "./session/input.ts";
export { boundedCheck } from "./session/bounded-check.ts";
export { boundedIssues } from "./issues.ts";
export { assuranceLevels, type AssuranceLevel } from "./flow/assurance-level.ts";
export { MAX_INPUT_LENGTH, sameJson, toStorableJson, type Issue, type Json, type Storable } from "./json.ts";
export { liftDrafts, liftInput, liftSession, type Lifted, type ShownSession } from "./session/lift.ts";
export type { MigrationsInto, OldFields, StepMigration } from "./flow/migration.ts";
export {
  listRequestSchema,
  MAX_COMMANDS,
  MAX_KNOWN_REVISIONS,
  MAX_SESSION_COMMANDS,
  PROTOCOL_VERSION,
  pushRequestSchema,
  readRequestSchema,
  receiptRequestSchema,
  watchRequestSchema,
  type ListReply,
  type ListRequest,
  type Outcome,
  type PushReply,
  type PushRequest,
  type ReadReply,
  type ReadRequest,
  type ReceiptReply,
  type ReceiptRequest,
  type WatchEvent,
  type WatchRequest,
} from "./protocol/protocol.ts";
export { stripControlCharacters } from "./protocol/control-characters.ts";
export { refusalCodes, type Refusal, type RefusalCode } from "./refusal.ts";
export { isVisitor } from "./visitor.ts";
export { applyChange, expireIfDue, type HistoryChange } from "./session/change.ts";
export { advance, seenBy, type Advanced, type AdvanceContext } from "./session/advance.ts";
export { createParser, type Parser } from "./session/parser.ts";
export { progressOf, type Progress } from "./session/progress.ts";
export { statuses, type Drafts, type Snapshot, type Status } from "./protocol/snapshot.ts";
export { fieldValues, mergeFields, withoutSeenFields } from "./session/drafts.ts";
export { hasSeen, seenStamps, draftFieldOf, type DraftField } from "./protocol/draft-field.ts";
export { stampDevice, newestOfEach, nextStamp, minStamp, type Stamp } from "./protocol/stamp.ts";
export { redact } from "./session/redact.ts";
export { step, type Fields, type Step, type StepOptions, type Steps } from "./flow/step.ts";
export {
  parseData,
  type DataDefinition,
  type DataDefinitions,
  type DataInput,
  type DataKey,
  type DataRefusal,
  type DataValue,
} from "./visit-data.ts";
export { guestChanges, type GuestChange } from "./serving/guest.ts";
export { HandlerFailedError } from "./serving/handler-failed-error.ts";
export { runHandlers } from "./serving/handlers.ts";
export { hiddenOf, type Hidden, type HiddenSchemas, type NothingHidden } from "./serving/hidden.ts";
export {
  judge,
  refusedOutcome,
  type Judgement,
  type JudgedSession,
  type JudgementContext,
} from "./serving/judgement.ts";
export type { Limit, LimitContext } from "./serving/limit.ts";
export type { Proof } from "./serving/proof.ts";
export {
  groupDraftCommands,
  onlyOfSession,
  oversizeRefusal,
  parseCommands,
  type CommandGroup,
  type IndexedCommand,
} from "./serving/push-parser.ts";
export {
  serveFlow,
  type CompleteContext,
  type Eventually,
  type Rejection,
  type ServedFlow,
  type ServeOptions,
  type StepContext,
} from "./serving/served-flow.ts";
