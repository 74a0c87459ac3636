import type { Kysely } from "kysely";
import type { SessionsError } from "@sessions/core/internal";
import type { DatabaseKind } from "../../postgres/database.ts";
import type { KeyedQueue } from "../../postgres/connection/keyed-queue.ts";
import type { Lifetime } from "../lifetime.ts";
import type { SignInTables } from "../rows/tables.ts";
import type { KnownChanges } from "./cache/known-changes.ts";
import type { SignInCache } from "./cache/sign-in-cache.ts";
import type { KnownPartitions } from "./transactions/known-partitions.ts";

/** The most sign-ins that an owner may have, and what happens when one more begins. */
export interface SignInLimit {
  readonly perOwner: number;
  readonly beyond: "end-oldest" | "refuse";
}

/** What all parts of the keeper use. */
export interface KeeperContext {
  /** Without a schema. Each statement names it: `db.withSchema(schema)`. */
  readonly db: Kysely<SignInTables>;
  readonly schema: string;
  readonly databaseKind: DatabaseKind;
  readonly partitions: KnownPartitions;
  /** The stored deadline includes the slack and the time until a touch is written. */
  readonly lifetime: Lifetime;
  /** How long a use is not noted after another one was, in milliseconds. */
  readonly touchMs: number;
  readonly rotateMs: number;
  readonly limit: SignInLimit;
  readonly cache: SignInCache;
  readonly known: KnownChanges;
  /** Where a request waits before its transaction locks the owner's row: in memory, without a connection. */
  readonly ownerTurns: KeyedQueue;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A clock that never goes back, in milliseconds. */
  readonly elapsedMs: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly report: (error: SessionsError) => void;
}
