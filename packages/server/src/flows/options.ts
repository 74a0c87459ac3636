import { SessionsError } from "@sessions/core/internal";
import type { Bus } from "../bus/bus.ts";
import { invalidOption, requireKnownOptions, requireSchema, requireWhole } from "../option-checks.ts";
import type { Database, DatabaseKind } from "../postgres/database.ts";
import type { KeyProvider } from "../secrets/key-provider.ts";
import type { Encrypt } from "../secrets/owner-ciphers.ts";
import { logFault } from "../report.ts";
import type { Bounds } from "./configuration/bounds.ts";
import type { IdentifyResult } from "./configuration/identity.ts";
import type { ServedFlow } from "./configuration/served-flow.ts";

export interface SessionsOptions<Context extends object> {
  /** A `pg` Pool, a PGlite, or any Kysely dialect for Postgres. The application closes it, not `close()`. */
  readonly database: Database;
  /**
   * Returns who makes a request, from the host router's context: `owner`, an opaque id of up to 200 characters, and what
   * the application knows of the sign-in. It returns nothing if nobody is signed in. Every procedure then answers
   * UNAUTHORIZED.
   */
  readonly identify: (context: Context) => IdentifyResult | Promise<IdentifyResult>;
  /** The flows that the server serves, each made by `serve`. */
  readonly flows: readonly ServedFlow[];
  /**
   * The keys that seal what is secret: `keysFromEnvironment`, `keysFromFile`, or a provider for a key management service.
   * A flow with a sensitive step, or with `hidden`, needs them.
   */
  readonly keys?: KeyProvider;
  /**
   * What is sealed with `keys`. `"sensitive"`, the default: the input and the output of sensitive steps, and what handlers
   * hide. `"all"`: everything that people typed and handlers returned. `"read"`: nothing of owners who have no keys yet. All
   * nodes of a deployment must have `"read"` or newer before one of them seals.
   */
  readonly encrypt?: Encrypt;
  /** The kind of Postgres of `database`. Default: `"pglite"` for a PGlite, else `"postgres"`. */
  readonly databaseKind?: DatabaseKind;
  /** The Postgres schema that holds the tables. Default `"sessions"`. */
  readonly schema?: string;
  /**
   * Whether connections prepare the package's statements by name. Default true. Set it to false behind a pooler in
   * transaction mode that does not support prepared statements, such as PgBouncer before 1.21.
   */
  readonly prepare?: boolean;
  /** Tells this node about other nodes' commits, as `postgresBus` does. Without it, watchers see only this node's commits. The sign-ins of this node may use the same bus. */
  readonly bus?: Bus;
  /** Whether this node ends due sessions by itself, every few minutes. Default true. Deadlines also hold if it is false. */
  readonly sweeps?: boolean;
  /** The memory that a node's cached sessions may take, in bytes, roughly. Default 64 MiB. At 0 nothing is cached. */
  readonly cacheBytes?: number;
  /** The bounds of one owner, one request and one node, where they differ from the defaults. */
  readonly bounds?: Partial<Bounds>;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /**
   * Called with every fault. Default: it logs the fault to `console.error`. It logs the messages of the causes only if
   * `NODE_ENV` is `development`.
   */
  readonly onError?: (error: SessionsError) => void;
}

/** The memory that cached sessions may take by default, in bytes, roughly. */
const CACHE_BYTES = 64 * 1024 * 1024;

const known: Readonly<Record<keyof SessionsOptions<object>, true>> = {
  database: true,
  identify: true,
  flows: true,
  keys: true,
  encrypt: true,
  databaseKind: true,
  schema: true,
  prepare: true,
  bus: true,
  sweeps: true,
  cacheBytes: true,
  bounds: true,
  now: true,
  onError: true,
};

/** The options whose values need a check or have a default. */
export interface CheckedOptions {
  readonly database: Database;
  readonly schema: string;
  readonly bus: Bus | undefined;
  /** By their names. */
  readonly flows: ReadonlyMap<string, ServedFlow>;
  readonly cacheBytes: number;
  readonly keys: KeyProvider | undefined;
  readonly encrypt: Encrypt;
  readonly now: () => number;
  readonly onError: (error: SessionsError) => void;
}

/** @throws {SessionsError} `configuration_invalid`, which names the option. */
export function checkedOptions<Context extends object>(options: SessionsOptions<Context>): CheckedOptions {
  requireKnownOptions("createSessions", options, known);
  const { database, schema = "sessions", bus, now = Date.now, onError = logFault, cacheBytes = CACHE_BYTES } = options;
  requireSchema(schema);
  requireWhole("cacheBytes", cacheBytes, 0);
  const flows = new Map(options.flows.map((served) => [served.flow.name, served]));
  if (flows.size < options.flows.length) {
    throw new SessionsError("configuration_invalid", "Two flows have the same name.");
  }
  const { keys, encrypt = "sensitive" } = options;
  if (!["sensitive", "all", "read"].includes(encrypt)) {
    throw invalidOption("encrypt", encrypt, '"sensitive", "all" or "read"');
  }
  if (keys === undefined) {
    if (options.encrypt !== undefined) {
      throw new SessionsError("configuration_invalid", "`encrypt` needs `keys`, which says with what.");
    }
    for (const served of flows.values()) requireNothingSecret(served);
  }
  if (encrypt === "read") for (const served of flows.values()) requireNothingHidden(served);
  return { database, schema, bus, flows, cacheBytes, keys, encrypt, now, onError };
}

/** @throws {SessionsError} `configuration_invalid` for a flow that needs `keys`. */
function requireNothingSecret({ flow: { name, stepNames, steps }, hidden }: ServedFlow): void {
  const sensitive = stepNames.find((step) => steps[step].sensitive);
  const [hiding] = Object.keys(hidden);
  if (sensitive === undefined && hiding === undefined) return;
  const what = sensitive === undefined ? `step ${hiding} hides a value` : `step ${sensitive} is sensitive`;
  throw new SessionsError(
    "configuration_invalid",
    `Flow ${name}: ${what} and needs \`keys\`, as in \`keys: keysFromEnvironment(process.env.SESSIONS_KEYS)\`.`,
  );
}

/** @throws {SessionsError} `configuration_invalid` for a flow with hidden values, which such a node may not seal. */
function requireNothingHidden({ flow: { name }, hidden }: ServedFlow): void {
  const [hiding] = Object.keys(hidden);
  if (hiding === undefined) return;
  const why = `step ${hiding} hides a value, and \`encrypt: "read"\` does not seal it for each owner.`;
  throw new SessionsError(
    "configuration_invalid",
    `Flow ${name}: ${why} Leave \`encrypt\` out once all nodes have \`keys\`.`,
  );
}
