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
export {
  defineFlow,
  fieldNames,
  type AnyFlow,
  type CompleteData,
  type CompleteOutputs,
  type Data,
  type DataOf,
  type DraftOf,
  type Flow,
  type FlowOptions,
  type InputOf,
  type IsGiven,
  type OutputOf,
  type Outputs,
  type PathsOf,
  type ResultOf,
  type StepsOf,
  type StepsWithOutput,
  type VisibleData,
  type VisibleInputs,
  type Typed,
  type ValuesOf,
} from "./flow/flow.ts";
export { idSchema } from "./id.ts";
export { notStorable, parse, submittedInput } from "./session/input.ts";
export { counted } from "./issues.ts";
export { assuranceLevels, type AssuranceLevel } from "./flow/proof.ts";
export { MAX_INPUT_LENGTH, sameJson, storable, type Issue, type Json, type Storable } from "./json.ts";
export { liftDrafts, liftInput, liftSession, type Lifted, type ShownSession } from "./session/lift.ts";
export type { MigrationsInto, OldFields, StepMigration } from "./flow/migration.ts";
export {
  listRequestSchema,
  MAX_COMMANDS,
  MAX_KNOWN,
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
export { readable } from "./protocol/readable.ts";
export { refusalCodes, type Refusal, type RefusalCode } from "./refusal.ts";
export { apply, atTime, type Change } from "./session/change.ts";
export { advance, seenBy, type Advanced, type AdvanceContext } from "./session/session.ts";
export { createParser, type Parser } from "./session/parser.ts";
export { progressOf, type Progress } from "./session/progress.ts";
export { statuses, type Drafts, type Snapshot, type Status } from "./protocol/snapshot.ts";
export { fieldValues, mergeFields, dropSubmitted } from "./session/drafts.ts";
export { covers, seenIn, slotOf, type Slot } from "./protocol/slot.ts";
export { deviceOf, newestOfEach, nextStamp, oldest, type Stamp } from "./protocol/stamp.ts";
export { redact } from "./session/redact.ts";
export { step, type Fields, type Step, type StepOptions, type Steps } from "./flow/step.ts";
