import {
  durationMs,
  SessionsError,
  toStorableJson,
  type DataDefinitions,
  type Duration,
} from "@sessions/core/internal";
import type { Bus } from "../bus/bus.ts";
import { logFault } from "../report.ts";
import type { Database, DatabaseKind } from "../postgres/database.ts";
import { problemOf } from "./visit/data-definitions.ts";
import { checkedHandOff, type CheckedHandOff, type HandOffOptions } from "./hand-off-options.ts";
import { lifetimeOf, type Expires, type Lifetime } from "./lifetime.ts";
import type { RequestHead } from "./request/request-head.ts";
import { Seal } from "./token/seal.ts";
import type { Sealing } from "./visit/sealing.ts";
import type { Signal, SignalDecision } from "./visit/signal-detector.ts";

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
  readonly expires?: Expires;
  /** How often a sign-in gets a new secret. Longer than 15 minutes. Default `"1d"`. */
  readonly rotate?: Duration;
  /** The most sign-ins of one owner at once, and what happens beyond. Default: 100, and the oldest ends. */
  readonly atMost?: { readonly perOwner: number; readonly beyond: "end-oldest" | "refuse" };
  /**
   * How new the last proof must be before a person ends sign-ins elsewhere by the router: else `sign_in_again` is the
   * answer, and nothing ends. Signing out needs no proof. Default: none is needed.
   */
  readonly revoke?: { readonly fresh: Duration };
  /** How long a node believes its cache while it hears nothing of the other nodes, in milliseconds. Default 10,000. */
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

/** Longer than a request, its answer and a browser's late cookies may take together. */
const MIN_ROTATE_MS = 15 * 60_000;
const MAX_PER_OWNER = 1_000;
const decisions: readonly SignalDecision[] = ["ignore", "note", "revoke"];
const MAX_PLACE = 100;
/** Nodes remember ends for longer. */
const MAX_TRUST_MS = 300_000;
const MAX_LEASE_MS = 300_000;

const known: Readonly<Record<keyof SignInsOptions, true>> = {
  database: true,
  databaseKind: true,
  schema: true,
  prepare: true,
  bus: true,
  expires: true,
  rotate: true,
  atMost: true,
  revoke: true,
  leaseMs: true,
  cacheBytes: true,
  sweeps: true,
  data: true,
  seal: true,
  visitors: true,
  locate: true,
  signal: true,
  handOff: true,
  deviceBinding: true,
  cookieName: true,
  origins: true,
  trustProxy: true,
  now: true,
  onError: true,
};

/** The options with their defaults. */
export interface CheckedOptions extends CheckedHandOff {
  /** The path of the endpoints that bind sign-ins to devices; undefined if none is bound. */
  readonly bindingPath: string | undefined;
  readonly data: DataDefinitions;
  readonly schema: string;
  readonly lifetime: Lifetime;
  readonly rotateMs: number;
  readonly atMost: { readonly perOwner: number; readonly beyond: "end-oldest" | "refuse" };
  /** Undefined if no proof is needed. */
  readonly revokeFreshMs: number | undefined;
  readonly leaseMs: number;
  readonly cacheBytes: number;
  readonly origins: readonly string[];
  readonly trustProxy: boolean;
  readonly cookieName: string;
  readonly hasVisitors: boolean;
  readonly database: Database;
  readonly locate: (request: RequestHead) => string | null;
  readonly sealing: Sealing | undefined;
  readonly decide: ((signal: Signal) => SignalDecision) | undefined;
  readonly now: () => number;
  readonly report: (fault: SessionsError) => void;
}

/** @throws {SessionsError} `configuration_invalid`, which names the option and its value. */
export function checkedOptions(options: SignInsOptions): CheckedOptions {
  requireKnown(options);
  const { schema = "sessions", leaseMs = 10_000, cacheBytes = 32 * 1024 * 1024, trustProxy = false } = options;
  const { cookieName = "sign-in", visitors = false } = options;
  const { atMost = { perOwner: 100, beyond: "end-oldest" }, rotate = "1d", origins = [] } = options;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw invalid("schema", schema, "a lower-case Postgres name");
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(cookieName)) {
    throw invalid("cookieName", cookieName, 'up to 41 lower-case letters, digits and "-", such as "staff-sign-in"');
  }
  const rotateMs = typeof rotate === "string" ? durationMs(rotate) : undefined;
  if (rotateMs === undefined || rotateMs <= MIN_ROTATE_MS) {
    throw invalid("rotate", rotate, 'a duration of more than 15 minutes, such as "1d"');
  }
  requireWhole("atMost.perOwner", atMost.perOwner, 1, MAX_PER_OWNER);
  if (!["end-oldest", "refuse"].includes(atMost.beyond)) {
    throw invalid("atMost.beyond", atMost.beyond, '"end-oldest" or "refuse"');
  }
  const revokeFreshMs = options.revoke && durationMs(options.revoke.fresh);
  if (options.revoke !== undefined && revokeFreshMs === undefined) {
    throw invalid("revoke.fresh", options.revoke.fresh, 'a duration, such as "5m"');
  }
  requireWhole("leaseMs", leaseMs, 0, MAX_LEASE_MS);
  requireWhole("cacheBytes", cacheBytes, 0, Number.MAX_SAFE_INTEGER);
  for (const [index, origin] of origins.entries()) {
    if (!isOrigin(origin)) throw invalid(`origins[${index}]`, origin, 'an origin, such as "https://app.bank.example"');
  }
  if (typeof visitors !== "boolean") throw invalid("visitors", visitors, "true or false");
  if (typeof trustProxy !== "boolean") throw invalid("trustProxy", trustProxy, "true or false");
  for (const name of ["locate", "signal", "now", "onError"] as const) {
    const option: unknown = options[name];
    if (option !== undefined && typeof option !== "function") throw invalid(name, option, "a function");
  }
  const data = checkedData(options.data ?? {});
  const bindingPath = options.deviceBinding?.path;
  if (bindingPath !== undefined && !/^(?:\/[\w.~-]+)+$/.test(bindingPath)) {
    throw invalid("deviceBinding.path", bindingPath, 'a path without an end slash, such as "/device-binding"');
  }
  const lifetime = lifetimeOf(options.expires ?? "aal1");
  const { now = Date.now, onError: report = logFault } = options;
  const locate = placeOf(options.locate, report);
  const decide = options.signal && decisionOf(options.signal, report);
  const sealing = options.seal && sealingOf(options.seal, `${schema} ${cookieName}`);
  const times = { lifetime, rotateMs, revokeFreshMs, leaseMs };
  return {
    ...checkedHandOff(options.handOff),
    bindingPath,
    data,
    schema,
    ...times,
    atMost,
    cacheBytes,
    origins,
    trustProxy,
    cookieName,
    hasVisitors: visitors,
    database: options.database,
    locate,
    decide,
    sealing,
    now,
    report,
  };
}

function checkedData(data: DataDefinitions): DataDefinitions {
  const problem = problemOf(data);
  if (problem !== undefined) throw new SessionsError("configuration_invalid", problem);
  return data;
}

/** A place is a help. Without it a person can still sign in. */
function placeOf(
  locate: SignInsOptions["locate"] = () => null,
  report: (fault: SessionsError) => void,
): CheckedOptions["locate"] {
  return (request) => {
    try {
      const place: unknown = locate(request) ?? null;
      if (place === null || (typeof place === "string" && place.length <= MAX_PLACE && toStorableJson(place).ok))
        return place;
      report(
        new SessionsError("context_invalid", `\`locate\` returns a text of up to ${MAX_PLACE} characters, or null.`),
      );
    } catch (cause) {
      report(new SessionsError("handler_failed", "`locate` threw. The sign-in has no place.", { cause }));
    }
    return null;
  };
}

function sealingOf({ keys, trustMs }: NonNullable<SignInsOptions["seal"]>, realm: string): Sealing {
  requireWhole("seal.trustMs", trustMs, 1, MAX_TRUST_MS);
  return { seal: new Seal({ keys, trustMs, realm }), trustMs };
}

/** A decision that fails lets the person go on, and is told. */
function decisionOf(
  decide: NonNullable<SignInsOptions["signal"]>,
  report: (fault: SessionsError) => void,
): (signal: Signal) => SignalDecision {
  return (signal) => {
    try {
      const decision = decide(signal);
      if (decisions.includes(decision)) return decision;
      report(new SessionsError("context_invalid", '`signal` returns "ignore", "note" or "revoke".'));
    } catch (cause) {
      report(new SessionsError("handler_failed", "`signal` threw. The signal is noted.", { cause }));
    }
    return "note";
  };
}

/** A misspelt option would be an option that has its default. */
function requireKnown(options: object): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  throw new SessionsError("configuration_invalid", `\`createSignIns\` has no option ${shown(unknown)}.`);
}

function requireWhole(name: string, value: unknown, least: number, most: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw invalid(name, value, `a whole number from ${least} to ${most}`);
}

function isOrigin(value: unknown): boolean {
  return typeof value === "string" && /^https?:/.test(value) && URL.parse(value)?.origin === value;
}

function invalid(name: string, value: unknown, expected: string): SessionsError {
  return new SessionsError("configuration_invalid", `\`${name}\` is ${expected}, not ${shown(value)}.`);
}

/** A configured value, short. */
function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
