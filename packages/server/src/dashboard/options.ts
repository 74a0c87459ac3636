import type { IncomingMessage, ServerResponse } from "node:http";
import type { AnyFlow, Duration, SessionsError } from "@sessions/core/internal";
import type { Bus } from "../bus/bus.ts";
import type { KeyProvider } from "../secrets/key-provider.ts";
import type { Database, DatabaseKind } from "../postgres/database.ts";

/** Who looks at the dashboard, and what that person may do there. */
export interface Operator {
  /** A name for the audit. */
  readonly name: string;
  /** Whether the operator may read what a person typed in one session, with a reason. Default false. */
  readonly mayReadTyped?: boolean;
  /** Whether the operator may end the sign-ins of an owner. Default false. */
  readonly mayEndSignIns?: boolean;
  /** Whether the operator may retry or skip the entry for which a projection lets a session wait. Default false. */
  readonly mayDecideFaults?: boolean;
}

/**
 * Tells who makes a request; null for nobody who may look. Each request asks it, also that for the style sheet. `incoming` is
 * Node's own request, if the dashboard is mounted by `node`: a middleware may have left something on it.
 */
export type Authorize = (
  request: Request,
  incoming: IncomingMessage | null,
) => Operator | null | Promise<Operator | null>;

export interface DashboardOptions {
  /** A `pg` Pool, a PGlite, or any Kysely dialect for Postgres. The application closes it, not `close()`. */
  readonly database: Database;
  /** There is no default: without it nobody would be kept out. */
  readonly authorize: Authorize;
  /** The Postgres schema that holds the tables. Default `"sessions"`. */
  readonly schema?: string;
  /** The kind of Postgres of `database`. Default: `"pglite"` for a PGlite, else `"postgres"`. */
  readonly databaseKind?: DatabaseKind;
  /**
   * The keys of the sessions. Without them the dashboard shows no value that is sealed, and cannot verify the history of an
   * owner who has keys.
   */
  readonly keys?: KeyProvider;
  /** The flows of the application. Values are shown only of steps that these have and that are not `sensitive`. */
  readonly flows?: readonly AnyFlow[];
  /** For how long an entry of the audit is kept: a sweep deletes older ones. Default `"730d"`. */
  readonly auditKept?: Duration;
  /** The nodes learn by it at once that a sign-in was ended. Without it they learn within their lease. */
  readonly bus?: Bus;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** Called with every fault. Default: it logs the fault to `console.error`. */
  readonly onError?: (error: SessionsError) => void;
}

/** The dashboard of an application. */
export interface Dashboard {
  /** Answers a request of Express, Fastify or plain Node, below any path. It never throws. */
  node(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Answers a `Request`, below any path. It never throws. */
  fetch(request: Request): Promise<Response>;
  /** Makes the dashboard's own table, or brings it up to date. Many nodes may call it at once. */
  migrate(): Promise<void>;
  /** Deletes old entries of the audit now. Gives how many. Each node does it at intervals. */
  sweep(): Promise<number>;
  /** Ends what the dashboard began. The database stays open: the application closes it. */
  close(): Promise<void>;
}
