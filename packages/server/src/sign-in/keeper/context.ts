import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { DatabaseKind } from "../../postgres/database.ts";
import { databaseFault, isTimedOut } from "../../postgres/errors.ts";
import type { KeyedQueue } from "../../postgres/connection/keyed-queue.ts";
import { withTimeLimit } from "../../time-limit.ts";
import { endsAt, type Lifetime } from "../lifetime.ts";
import type { StoredSignIn } from "../rows/stored-sign-in.ts";
import type { SignInTables } from "../rows/tables.ts";
import type { KnownChanges } from "./known-changes.ts";
import type { LiveSignIn, SignInSummary } from "./sign-in-keeper.ts";
import type { SignInCache } from "./sign-in-cache.ts";
import type { Months } from "./months.ts";

/** The most sign-ins that an owner may have, and what happens when one more begins. */
export interface SignInLimit {
  readonly perOwner: number;
  readonly beyond: "end-oldest" | "refuse";
}

/** What all parts of the keeper use. */
export interface KeeperContext {
  /** With the schema of the tables. */
  readonly db: Kysely<SignInTables>;
  readonly schema: string;
  readonly databaseKind: DatabaseKind;
  readonly months: Months;
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

/** When a sign-in ends: a node that is configured with a shorter time holds to it at once. */
export function deadlineOf(lifetime: Lifetime, signIn: StoredSignIn): number {
  return Math.min(signIn.endsMs, endsAt(lifetime, signIn));
}

export function liveFrom(signIn: StoredSignIn, tokenId: string, lifetime: Lifetime): LiveSignIn {
  return { ...summaryOf(signIn, lifetime), owner: signIn.owner, tokenId, csrf: signIn.csrf };
}

export function summaryOf(signIn: StoredSignIn, lifetime: Lifetime): SignInSummary {
  const { id, device, place, factors, sinceMs, provedMs, lastUsedMs } = signIn;
  return { publicId: id, device, place, factors, sinceMs, provedMs, lastUsedMs, endsMs: deadlineOf(lifetime, signIn) };
}

/**
 * The answer of the database within a time. A fault holds nothing of the driver's text.
 *
 * @throws {SessionsError} `database_unreachable` if it takes longer.
 */
export async function within<T>(timeMs: number, work: () => Promise<T>): Promise<T> {
  try {
    const answer = await withTimeLimit(
      timeMs,
      work().then((value) => [value] as const),
    );
    if (answer !== undefined) return answer[0];
  } catch (error) {
    throw faultOf(error);
  }
  throw new SessionsError("database_unreachable", `It did not answer within ${timeMs} ms.`);
}

export function faultOf(error: unknown): SessionsError {
  if (isTimedOut(error))
    return new SessionsError("database_unreachable", "A statement took too long.", { cause: error });
  const fault = databaseFault(error);
  if (fault === undefined) return new SessionsError("internal", "In the keeping of sign-ins.", { cause: error });
  if (fault.code !== "database_not_migrated") return fault;
  return new SessionsError(fault.code, "Run signIns.migrate() once before serving.");
}
