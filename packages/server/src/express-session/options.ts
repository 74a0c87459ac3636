import { randomUUID } from "node:crypto";
import { SessionsError } from "@sessions/core/internal";
import { logFault } from "../report.ts";
import type { Database } from "../postgres/database.ts";
import type { AdoptOption } from "./rows/adopted-table.ts";

export interface SessionsStoreOptions {
  /**
   * A `pg` Pool, a PGlite, any Kysely dialect for Postgres, or the URL of a Postgres. The store closes a database only if it
   * was given as a URL. Default: a PGlite in memory, with nothing in it.
   */
  readonly database?: Database | string;
  /** The Postgres schema that holds the tables. Default `"sessions"`. */
  readonly schema?: string;
  /** Separates stores that share a schema. Default `""`, and a new one for each store without `database`. */
  readonly namespace?: string;
  /**
   * A table of connect-pg-simple in the same database, whose sessions go on. While there are nodes that still work on it,
   * both tables hold each change. See docs/sign-ins/express-session.md for the end.
   */
  readonly adopt?: AdoptOption;
  /** How long a session lasts whose cookie has no end, in milliseconds. Default one day, as in connect-pg-simple. */
  readonly ttlMs?: number;
  /**
   * How often a session's deadline is written if nothing else changes, in milliseconds. Default 60,000, but at most a
   * twentieth of the time that the session has left. At 0 each touch is written before it is answered.
   */
  readonly touchEveryMs?: number;
  /** The most sessions that `all` gives. Default 10,000. */
  readonly allAtMost?: number;
  /** Whether the store creates its tables. Default true. If false, run `sessions migrate --express-session`. */
  readonly migrates?: boolean;
  /** Whether this node deletes expired sessions. Default true. Deadlines also hold if it is false. */
  readonly sweeps?: boolean;
  /** Whether connections prepare the package's statements by name. Default true. As in `createSessions`. */
  readonly prepare?: boolean;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** Called with every fault that no callback gets. Default: it logs the fault to `console.error`. */
  readonly onError?: (error: SessionsError) => void;
}

/** The options with their defaults. */
export interface CheckedOptions extends Required<Omit<SessionsStoreOptions, "database" | "adopt">> {
  readonly database: Database | string | undefined;
  readonly adopt: AdoptOption | undefined;
}

/** @throws {SessionsError} `configuration_invalid`, which names the option. */
export function checkedOptions(options: SessionsStoreOptions): CheckedOptions {
  const {
    database,
    adopt,
    schema = "sessions",
    namespace = database === undefined ? randomUUID() : "",
    ttlMs = 86_400_000,
    touchEveryMs = 60_000,
    allAtMost = 10_000,
    migrates = true,
    sweeps = true,
    prepare = true,
    now = Date.now,
    onError = logFault,
  } = options;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw invalid("schema", "a lower-case Postgres name");
  if (typeof namespace !== "string" || /[^\x20-\x7e]/.test(namespace) || namespace.length > 100) {
    throw invalid("namespace", "a text of up to 100 ASCII characters");
  }
  if (adopt !== undefined && (database === undefined || typeof adopt.table !== "string" || adopt.table === "")) {
    throw invalid("adopt", "`{ table }`, with `database`");
  }
  requireWhole("ttlMs", ttlMs, 1);
  requireWhole("touchEveryMs", touchEveryMs, 0);
  requireWhole("allAtMost", allAtMost, 1);
  return {
    database,
    adopt,
    schema,
    namespace,
    ttlMs,
    touchEveryMs,
    allAtMost,
    migrates,
    sweeps,
    prepare,
    now,
    onError,
  };
}

function requireWhole(name: string, value: unknown, least: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < least) {
    throw invalid(name, `a whole number of at least ${least}`);
  }
}

function invalid(name: string, expected: string): SessionsError {
  return new SessionsError("configuration_invalid", `\`${name}\` is ${expected}.`);
}
