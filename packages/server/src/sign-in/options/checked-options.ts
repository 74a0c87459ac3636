import { durationMs, SessionsError, type DataDefinitions } from "@sessions/core/internal";
import { invalidOption, requireKnownOptions, requireSchema, requireWhole } from "../../option-checks.ts";
import type { Database } from "../../postgres/database.ts";
import { logFault } from "../../report.ts";
import { decisionOf, placeOf } from "./application-functions.ts";
import { checkedHandOff, type CheckedHandOff } from "./hand-off-options.ts";
import { lifetimeOf, type Lifetime } from "../lifetime.ts";
import type { SignInsOptions } from "./options.ts";
import type { RequestHead } from "../request/request-head.ts";
import { Seal } from "../token/seal.ts";
import { problemOf } from "../visit/data/data-definitions.ts";
import type { Sealing } from "../visit/exchange/sealing.ts";
import type { Signal, SignalDecision } from "../visit/signal-detector.ts";

/** Longer than a request, its answer and a browser's late cookies may take together. */
const MIN_ROTATE_MS = 15 * 60_000;
const MAX_PER_OWNER = 1_000;
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
  requireKnownOptions("createSignIns", options, known);
  const { schema = "sessions", leaseMs = 10_000, cacheBytes = 32 * 1024 * 1024, trustProxy = false } = options;
  const { cookieName = "sign-in", visitors = false } = options;
  const { atMost = { perOwner: 100, beyond: "end-oldest" }, rotate = "1d", origins = [] } = options;
  requireSchema(schema);
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(cookieName)) {
    throw invalidOption(
      "cookieName",
      cookieName,
      'up to 41 lower-case letters, digits and "-", such as "staff-sign-in"',
    );
  }
  const rotateMs = typeof rotate === "string" ? durationMs(rotate) : undefined;
  if (rotateMs === undefined || rotateMs <= MIN_ROTATE_MS) {
    throw invalidOption("rotate", rotate, 'a duration of more than 15 minutes, such as "1d"');
  }
  requireWhole("atMost.perOwner", atMost.perOwner, 1, MAX_PER_OWNER);
  if (!["end-oldest", "refuse"].includes(atMost.beyond)) {
    throw invalidOption("atMost.beyond", atMost.beyond, '"end-oldest" or "refuse"');
  }
  const revokeFreshMs = options.revoke && durationMs(options.revoke.fresh);
  if (options.revoke !== undefined && revokeFreshMs === undefined) {
    throw invalidOption("revoke.fresh", options.revoke.fresh, 'a duration, such as "5m"');
  }
  requireWhole("leaseMs", leaseMs, 0, MAX_LEASE_MS);
  requireWhole("cacheBytes", cacheBytes, 0);
  for (const [index, origin] of origins.entries()) {
    if (!isOrigin(origin))
      throw invalidOption(`origins[${index}]`, origin, 'an origin, such as "https://app.bank.example"');
  }
  if (typeof visitors !== "boolean") throw invalidOption("visitors", visitors, "true or false");
  if (typeof trustProxy !== "boolean") throw invalidOption("trustProxy", trustProxy, "true or false");
  for (const name of ["locate", "signal", "now", "onError"] as const) {
    const option: unknown = options[name];
    if (option !== undefined && typeof option !== "function") throw invalidOption(name, option, "a function");
  }
  const data = checkedData(options.data ?? {});
  const bindingPath = options.deviceBinding?.path;
  if (bindingPath !== undefined && !/^(?:\/[\w.~-]+)+$/.test(bindingPath)) {
    throw invalidOption("deviceBinding.path", bindingPath, 'a path without an end slash, such as "/device-binding"');
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

function sealingOf({ keys, trustMs }: NonNullable<SignInsOptions["seal"]>, realm: string): Sealing {
  requireWhole("seal.trustMs", trustMs, 1, MAX_TRUST_MS);
  return { seal: new Seal({ keys, trustMs, realm }), trustMs };
}

function isOrigin(value: unknown): boolean {
  return typeof value === "string" && /^https?:/.test(value) && URL.parse(value)?.origin === value;
}
