export type { Bounds } from "./bounds.ts";
export type { Bus, BusListener, Notice } from "./bus/bus.ts";
export { postgresBus, type ListeningClient, type PostgresBusOptions } from "./bus/postgres.ts";
export { completions, openSessions, type CompletionsOptions, type Limit, type LimitCheck } from "./limits.ts";
export type { Database, EngineKind } from "./postgres/database.ts";
export {
  serve,
  type ApplicationTables,
  type CompleteGiven,
  type Rejection,
  type Served,
  type ServeOptions,
  type StepGiven,
} from "./serve.ts";
export {
  createSessions,
  type Identified,
  type Sessions,
  type SessionsOptions,
  type SessionsRouter,
} from "./sessions.ts";
export type { SweepOptions } from "./sweeper.ts";
export {
  sql,
  type ColumnType,
  type Generated,
  type GeneratedAlways,
  type Insertable,
  type Selectable,
  type Transaction,
  type Updateable,
} from "kysely";
