export type { Device } from "./protocol/command.ts";
export type { Duration } from "./duration.ts";
export { faultCodes, SessionsError, type FaultCode } from "./error.ts";
export { defineFlow, type AnyFlow, type Flow } from "./flow/flow.ts";
export type {
  DataOf,
  DraftOf,
  InputOf,
  OutputOf,
  FieldPathsOf,
  ResultOf,
  StepsOf,
  PartialInput,
  FormValuesOf,
} from "./flow/flow-data.ts";
export { parseInput } from "./session/input.ts";
export type { AssuranceLevel } from "./flow/assurance-level.ts";
export { sameJson, type Json } from "./json.ts";
export type { StepMigration } from "./flow/migration.ts";
export type { Outcome } from "./protocol/protocol.ts";
export { refusalCodes, type Refusal, type RefusalCode } from "./refusal.ts";
export type { Progress } from "./session/progress.ts";
export type { Snapshot, Status } from "./protocol/snapshot.ts";
export { step, type Step } from "./flow/step.ts";
export type { DataDefinition, DataDefinitions } from "./visit-data.ts";
