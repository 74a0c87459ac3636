import { PGlite } from "@electric-sql/pglite";
import { PostgresDialect } from "kysely";
import { PostgresJSDialect } from "kysely-postgres-js";
import { Pool, types, type PoolConfig } from "pg";
import postgres from "postgres";
import type { Database } from "../index.ts";
import { emptyDataDir } from "../testing/pglite.ts";

/** An open database, as an application would pass it. */
export interface TestDatabase {
  readonly database: Database;
  close(): Promise<unknown>;
  /** Whether the database belongs to this test alone, and is empty. */
  readonly own?: true;
}

type Open = (url: string) => TestDatabase;

/** Settings that a role, a database or a connection may have as defaults. */
type Settings = Readonly<Record<string, string>>;

const pg =
  (settings: Settings, config: PoolConfig = {}): Open =>
  (connectionString) => {
    const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(" ", "\\ ")}`);
    const pool = new Pool({ connectionString, max: 4, options: options.join(" "), ...config });
    pool.on("error", () => {});
    return { database: pool, close: () => pool.end() };
  };

/** Opens a database through Kysely's own dialect, which the package does not make. */
const dialect =
  (settings: Settings): Open =>
  (url) => {
    const { database, close } = pg(settings)(url);
    return { database: new PostgresDialect({ pool: database as Pool }), close };
  };

const postgresJs =
  (settings: Settings, options: postgres.Options<Record<string, postgres.PostgresType>> = {}): Open =>
  (url) => {
    const client = postgres(url, { max: 4, onnotice: () => {}, connection: { ...settings }, ...options });
    return { database: new PostgresJSDialect({ postgres: client }), close: () => client.end({ timeout: 1 }) };
  };

const loadDataDir = await emptyDataDir();

const pglite =
  (settings: Settings): Open =>
  () => {
    const database = new PGlite({
      loadDataDir,
      parsers: { 114: (value) => value, 3802: (value) => value, 20: BigInt },
    });
    // With one connection, its settings hold for all statements.
    const set = Object.entries(settings).map(([name, value]) => `set ${name} to '${value}';`);
    const ready = database.exec(set.join("\n"));
    return { database, own: true, close: () => ready.then(() => database.close()) };
  };

/** A role of the test's database that may read and write rows, and create nothing. */
export const restrictedRole = { name: "sessions_test_restricted", password: "restricted" };

const asRestrictedRole =
  (open: Open): Open =>
  (url) => {
    const own = new URL(url);
    [own.username, own.password] = [restrictedRole.name, restrictedRole.password];
    return open(own.href);
  };

/** Opens a database after changing, for the whole process, each type parser that an application might change. */
const withChangedParsers =
  (open: Open): Open =>
  (url) => {
    const changed = [16, 17, 20, 23, 114, 700, 701, 1082, 1114, 1184, 1700, 2950, 3802];
    const before = changed.map((oid) => [oid, types.getTypeParser(oid)] as const);
    for (const oid of changed) types.setTypeParser(oid, (value) => ({ asText: value }));
    types.setTypeParser(23, Number);
    types.setTypeParser(20, BigInt);
    const opened = open(url);
    const restore = () => before.forEach(([oid, parse]) => types.setTypeParser(oid, parse));
    return { ...opened, close: () => opened.close().finally(restore) };
  };

/** Parsers of one client that leave all values as text. */
const asText: PoolConfig = { types: { getTypeParser: () => (value: string) => value } };

/** Types of the application for times and json, for reading and for writing. */
const ownTypes = {
  types: {
    date: {
      to: 1184,
      from: [1082, 1114, 1184],
      serialize: (at: Date) => at.toISOString(),
      parse: (at: string) => ({ at }),
    },
    json: {
      to: 114,
      from: [114, 3802],
      serialize: (value: unknown) => JSON.stringify(value),
      parse: (value: string) => value,
    },
    bigint: postgres.BigInt,
    bytea: { to: 17, from: 17, serialize: () => "no", parse: () => "no" },
  },
} as unknown as postgres.Options<Record<string, postgres.PostgresType>>;

const repeatable: Settings = { default_transaction_isolation: "repeatable read" };
const serializable: Settings = { default_transaction_isolation: "serializable" };

/**
 * The databases, drivers and settings on which the server must work: one line for each, with the function that opens it.
 * `runScenario` runs the same commands on each, and expects the same results.
 *
 * @example
 * const { database, close } = testDatabases["pg, serializable"](url);
 * await runScenario(database, "ada");
 * await close();
 */
export const testDatabases: Readonly<Record<string, Open>> = {
  "pg, read committed": pg({}),
  "pg, repeatable read": pg(repeatable),
  "pg, serializable": pg(serializable),
  "pg, serializable, deferrable and read only": pg({
    ...serializable,
    default_transaction_deferrable: "on",
    default_transaction_read_only: "on",
  }),
  "pg, pipelined": pg({}, { pipeline: true }),
  "pg, pipelined, serializable": pg(serializable, { pipeline: true }),
  "pg, one connection, repeatable read": pg(repeatable, { max: 1 }),
  "pg, global parsers changed": withChangedParsers(pg({})),
  "pg, every value as text, serializable": pg(serializable, asText),
  "pg, results in binary": pg({}, { binary: true } as PoolConfig),
  "a Kysely dialect, serializable": dialect(serializable),
  "postgres.js, read committed": postgresJs({}),
  "postgres.js, repeatable read": postgresJs(repeatable),
  "postgres.js, serializable, read only": postgresJs({ ...serializable, default_transaction_read_only: "on" }),
  "postgres.js, types of its own": postgresJs({}, ownTypes),
  "postgres.js, names in camel case": postgresJs({}, { transform: postgres.camel }),
  "postgres.js, nothing prepared, one connection": postgresJs(serializable, {
    prepare: false,
    max: 1,
    idle_timeout: 1,
  }),
  "postgres.js, names with dashes, connections of a second": postgresJs(
    {},
    { transform: postgres.kebab, max_lifetime: 1 },
  ),
  "PGlite, json as text, serializable": pglite(serializable),
  "a commit that does not wait": pg({ synchronous_commit: "off" }),
  "locks that are not waited for": pg({ lock_timeout: "1", idle_in_transaction_session_timeout: "5000" }),
  "transactions that are bounded": pg({ transaction_timeout: "2000", statement_timeout: "2000" }),
  "Kathmandu, German dates": pg({ TimeZone: "Asia/Kathmandu", DateStyle: "German,DMY", IntervalStyle: "sql_standard" }),
  "Apia, bytes escaped, few digits": pg({
    TimeZone: "Pacific/Apia",
    bytea_output: "escape",
    extra_float_digits: "-15",
  }),
  "strings of before, generic plans": pg({ standard_conforming_strings: "off", plan_cache_mode: "force_generic_plan" }),
  "connections that are used once": pg({ application_name: "it's" }, { maxUses: 1, idleTimeoutMillis: 1 }),
  "statements that the driver bounds too": pg({ statement_timeout: "5000" }, { query_timeout: 5_000 }),
  "other schemas' tables of the same names first": pg({ search_path: "shadow,public,pg_catalog" }),
  "names quoted, nulls equal, no row security": pg({
    quote_all_identifiers: "on",
    transform_null_equals: "on",
    array_nulls: "off",
    row_security: "off",
    default_transaction_isolation: "read uncommitted",
  }),
  "other plans": pg({
    enable_indexscan: "off",
    enable_bitmapscan: "off",
    debug_parallel_query: "on",
    work_mem: "64kB",
  }),
  "a role that creates nothing": asRestrictedRole(pg({})),
  "postgres.js, St. John's, SQL dates": postgresJs({ TimeZone: "America/St_Johns", DateStyle: "SQL,DMY" }),
};

/** Databases that cannot keep the promises: one line for each, with the message that refuses it. */
export const refusedDatabases: Readonly<Record<string, readonly [Open, RegExp]>> = {
  "names that become other words": [postgresJs({}, { transform: postgres.pascal }), /renames the columns/],
  "a connection in another encoding": [postgresJs({ client_encoding: "LATIN1" }), /`client_encoding` is LATIN1/],
  "postgres.js without its types": [postgresJs({}, { fetch_types: false }), /`fetch_types`/],
};
