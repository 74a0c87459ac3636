export type { Bounds } from "./flows/configuration/bounds.ts";
export type { Bus, BusListener, Notice, SessionNotice, SignInNotice } from "./bus/bus.ts";
export { natsBus, type NatsBusOptions, type NatsConnection } from "./bus/nats-bus.ts";
export { postgresBus, type ListeningClient, type PostgresBusOptions } from "./bus/postgres-bus.ts";
export {
  redisBus,
  type IoRedisClient,
  type NodeRedisClient,
  type RedisBusOptions,
  type RedisClient,
} from "./bus/redis-bus.ts";
export { maxCompletions, maxOpenSessions, type MaxCompletionsOptions } from "@sessions/core/limits";
export type { HiddenSchemas, Limit, LimitContext } from "@sessions/core/internal";
export type { ApplicationTables } from "./postgres/application-tables.ts";
export type { Database, DatabaseKind } from "./postgres/database.ts";
export {
  serve,
  type CompleteContext,
  type Rejection,
  type ServedFlow,
  type ServeOptions,
  type StepContext,
} from "./flows/configuration/served-flow.ts";
export type { GuestIdentity, IdentifyResult, Identity } from "./flows/configuration/identity.ts";
export type { Lane, LaneOptions } from "./lane/lane.ts";
export type { LaneContextOptions, LaneError } from "./lane/answers.ts";
export { createSessions, type Sessions, type SessionsRouter } from "./flows/sessions.ts";
export type {
  ChangeOptions,
  CommandOptions,
  ListCursor,
  Service,
  ServiceOptions,
  ServiceOutcome,
  ServicePage,
} from "./flows/service/service.ts";
export type { ErasedOwner } from "./erasure/erase-owner.ts";
export { erasures, type Erasure } from "./erasure/tombstones.ts";
export type { OwnerRecord } from "./flows/owner-export.ts";
export type { ServiceSession } from "./flows/service/service-session.ts";
export type { SessionsOptions } from "./flows/options.ts";
export { sessionHistory, type SessionEntry } from "./flows/session-history.ts";
export { keysFromEnvironment } from "./secrets/environment-keys.ts";
export { keysFromFile } from "./secrets/file-keys.ts";
export type { KeyProvider, WrappingKey } from "./secrets/key-provider.ts";
export type { SweepOptions } from "./repeated-sweeps.ts";
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
