export {
  commandSchema,
  deviceSchema,
  type CancelCommand,
  type Command,
  type Device,
  type DraftCommand,
  type StartCommand,
  type SubmitCommand,
} from "./command.ts";
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
  type ToldData,
  type ToldInputs,
  type Typed,
  type ValuesOf,
} from "./flow.ts";
export { idSchema } from "./id.ts";
export { notStorable, parse, submittedInput } from "./input.ts";
export { counted } from "./issues.ts";
export { MAX_INPUT_LENGTH, sameJson, storable, type Issue, type Json, type Storable } from "./json.ts";
export { liftDrafts, liftInput, liftSession, type Lifted, type Standing } from "./lift.ts";
export type { MigrationsInto, OldFields, StepMigration } from "./migration.ts";
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
} from "./protocol.ts";
export { readable } from "./readable.ts";
export { refusalCodes, type Refusal, type RefusalCode } from "./refusal.ts";
export { advance, apply, atTime, seenBy, type Advanced, type Change, type Circumstances } from "./session.ts";
export { createParser, type Parser } from "./parser.ts";
export { progressOf, type Progress } from "./progress.ts";
export { statuses, type Drafts, type Snapshot, type Status } from "./snapshot.ts";
export { fieldValues, mergeFields, unsubmitted } from "./drafts.ts";
export { covers, seenIn, slotOf, type Slot } from "./slot.ts";
export { deviceOf, newestOfEach, nextStamp, oldest, type Stamp } from "./stamp.ts";
export { withheld } from "./withheld.ts";
export { step, type Fields, type Step, type StepOptions, type Steps } from "./step.ts";
