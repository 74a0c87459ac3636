export type { Activities, EventInput, EventsOf } from "./activities.ts";
export { createActivity } from "./create-activity.ts";
export { count, distinct, first, last, sum, type CountCounter, type FieldCounter } from "./definition/counters.ts";
export {
  defineActivity,
  type Activity,
  type DefineActivityOptions,
  type AnyActivity,
  type CounterFor,
  type CounterValue,
  type CountsOf,
  type EventSchema,
  type EventSchemas,
} from "./definition/define-activity.ts";
export { eventHistory, type EventEntry } from "./event-history.ts";
export type { ActivitiesOptions } from "./options.ts";
export type {
  ActivityCounts,
  ActivityPage,
  ActivityPageRequest,
  ActivitySession,
  CountedTime,
} from "./reads/session-reader.ts";
export type { EventOptions } from "./recorder/event-check.ts";
