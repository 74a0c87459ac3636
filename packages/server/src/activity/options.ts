import { SessionsError } from "@sessions/core/internal";
import type { Bus } from "../bus/bus.ts";
import { databaseKindOf, type Database, type DatabaseKind } from "../postgres/database.ts";
import { logFault } from "../report.ts";
import type { AnyActivity } from "./definition/define-activity.ts";

export interface ActivitiesOptions<Activities extends readonly AnyActivity[] = readonly AnyActivity[]> {
  /** A `pg` Pool, a PGlite, or any Kysely dialect for Postgres. The application closes it, not `close()`. */
  readonly database: Database;
  /** The kind of Postgres of `database`. `"citus"` is not supported. Default: `"pglite"` for a PGlite, else `"postgres"`. */
  readonly databaseKind?: DatabaseKind;
  /** The Postgres schema that holds the tables. Default `"sessions"`. */
  readonly schema?: string;
  /** Whether connections prepare the package's statements by name. Default true. As in `createSessions`. */
  readonly prepare?: boolean;
  /** Tells this node about events that other nodes record. Without it, a node looks for them at intervals. */
  readonly bus?: Bus;
  /** What is counted: all activities of the schema. */
  readonly activities: Activities;
  /** How many events may wait on this node until they are written. One owner may have a tenth of them. Default 10,000. */
  readonly queueSize?: number;
  /** Whether this node builds activity sessions and moves them to the archive, when no other node does. Default true. */
  readonly builds?: boolean;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** Called with every fault that no caller gets. Default: it logs the fault to `console.error`. */
  readonly onError?: (error: SessionsError) => void;
}

const known: Readonly<Record<keyof ActivitiesOptions, true>> = {
  database: true,
  databaseKind: true,
  schema: true,
  prepare: true,
  bus: true,
  activities: true,
  queueSize: true,
  builds: true,
  now: true,
  onError: true,
};

/** The options with their defaults. */
export interface CheckedOptions extends Required<Omit<ActivitiesOptions, "bus">> {
  readonly bus: Bus | undefined;
}

/** @throws {SessionsError} `configuration_invalid`, which names the option. */
export function checkedOptions(options: ActivitiesOptions): CheckedOptions {
  for (const option of Object.keys(options)) {
    if (!Object.hasOwn(known, option))
      throw new SessionsError("configuration_invalid", `There is no option \`${option.slice(0, 100)}\`.`);
  }
  const {
    database,
    databaseKind = databaseKindOf(database),
    schema = "sessions",
    prepare = true,
    bus,
    activities,
    queueSize = 10_000,
    builds = true,
    now = Date.now,
    onError = logFault,
  } = options;
  if (databaseKind === "citus") throw invalid("databaseKind", '"postgres" or "pglite": activities do not run on Citus');
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw invalid("schema", "a lower-case Postgres name");
  if (!Number.isSafeInteger(queueSize) || queueSize < 10) throw invalid("queueSize", "a whole number of at least 10");
  if (activities.length === 0) throw invalid("activities", "a list with at least one activity");
  if (new Set(activities.map(({ name }) => name)).size < activities.length) {
    throw invalid("activities", "a list of activities with different names");
  }
  return { database, databaseKind, schema, prepare, bus, activities, queueSize, builds, now, onError };
}

function invalid(name: string, expected: string): SessionsError {
  return new SessionsError("configuration_invalid", `\`${name}\` is ${expected}.`);
}
