import type { DataDefinitions, Duration, SessionsError } from "@sessions/core/internal";
import type { Bus } from "../../bus/bus.ts";
import type { Database, DatabaseKind } from "../../postgres/database.ts";
import type { HandOffOptions } from "./hand-off-options.ts";
import type { SignInExpires } from "../lifetime.ts";
import type { RequestHead } from "../request/request-head.ts";
import type { Signal, SignalDecision } from "../visit/signal-detector.ts";

export interface SignInsOptions<Data extends DataDefinitions = DataDefinitions> {
  /** A `pg` Pool, a PGlite, or any Kysely dialect for Postgres. The application closes it, not `close()`. */
  readonly database: Database;
  /** The kind of Postgres of `database`. Default: `"pglite"` for a PGlite, else `"postgres"`. */
  readonly databaseKind?: DatabaseKind;
  /** The Postgres schema that holds the tables. Default `"sessions"`. */
  readonly schema?: string;
  /** Whether connections prepare the package's statements by name. Default true. As in `createSessions`. */
  readonly prepare?: boolean;
  /** Tells this node about sign-ins that other nodes end. Give `createSessions` the same one. */
  readonly bus?: Bus;
  /**
   * How long a sign-in lasts: a level of NIST SP 800-63B-4, or times of your own. `absolute` counts from the last proof,
   * `idle` from the last use. Default `"aal1"`, which is 30 days.
   */
  readonly expires?: SignInExpires;
  /** How often a sign-in gets a new secret. Longer than 15 minutes. Default `"1d"`. */
  readonly rotate?: Duration;
  /** The most sign-ins of one owner at once, and what happens beyond. Default: 100, and the oldest ends. */
  readonly atMost?: { readonly perOwner: number; readonly beyond: "end-oldest" | "refuse" };
  /**
   * How new the last proof must be before a person ends sign-ins elsewhere by the router: else `sign_in_again` is the
   * answer, and nothing ends. Signing out needs no proof. Default: none is needed.
   */
  readonly revoke?: { readonly fresh: Duration };
  /**
   * How long a node trusts its cache of sign-ins after it has looked into the database, in milliseconds. A whole number from
   * 0 to 300,000. Default 10,000. At 0 each check reads the database. A sign-in that ended on another node is refused
   * within this time, also if the notice of its end is lost.
   */
  readonly leaseMs?: number;
  /** The memory that a node's cached sign-ins may take, in bytes, roughly. Default 32 MiB. */
  readonly cacheBytes?: number;
  /** Whether this node moves expired sign-ins to the archive by itself. Default true. Deadlines also hold if it is false. */
  readonly sweeps?: boolean;
  /**
   * The values that are kept for a person: `visit.data`. At most 50. Default: none.
   *
   * @example
   * data: { theme: { schema: z.enum(["light", "dark"]), per: "sign-in" } }
   */
  readonly data?: Data;
  /**
   * Binds sign-ins to a key of the device, in browsers that have Device Bound Session Credentials. Then a copied cookie is
   * worth nothing after ten minutes. `path` is free in the application: the browser calls `registration` and `refresh`
   * below it. Default: none is bound.
   *
   * @example
   * deviceBinding: { path: "/device-binding" }
   */
  readonly deviceBinding?: { readonly path: string };
  /**
   * Believes a sealed copy of a sign-in, in a cookie beside the token's, for `trustMs` milliseconds on every node, without
   * a question to the cache or the database. `keys` are 32 bytes each in base64url, the newest first. Default: none.
   */
  readonly seal?: { readonly keys: readonly (string | undefined)[]; readonly trustMs: number };
  /**
   * Whether somebody who is not signed in can begin something as a visitor, which is theirs after they sign in. Default
   * false. The sessions must be named then: `signIns.adopts(sessions.adoption)`.
   */
  readonly visitors?: boolean;
  /** Tells a coarse place of a request, such as a country. It is kept with the sign-in, and shown to its owner. */
  readonly locate?: (request: RequestHead) => string | null | undefined;
  /**
   * Decides about a request that does not fit its sign-in. Without it, nothing is compared.
   *
   * @example
   * signal: ({ kind }) => (kind === "device_changed" ? "revoke" : "note")
   */
  readonly signal?: (signal: Signal) => SignalDecision;
  /** Whether pages may hand sessions over to other devices by codes, and how. Default false. */
  readonly handOff?: boolean | HandOffOptions;
  /**
   * The cookie's name. Browsers keep the cookie as `__Host-` and this name. Default `"sign-in"`. Two `createSignIns` on one
   * host need two names.
   */
  readonly cookieName?: string;
  /** Other origins whose pages may ask for changes, such as `["https://app.bank.example"]`. */
  readonly origins?: readonly string[];
  /**
   * Whether a proxy in front sets X-Forwarded-Proto. Default false: then the header is not believed. Set it to true only
   * if the proxy overwrites the header.
   */
  readonly trustProxy?: boolean;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** Called with every fault. Default: it logs the fault to `console.error`, as that of `createSessions` does. */
  readonly onError?: (error: SessionsError) => void;
}
