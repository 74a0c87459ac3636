import type { Kysely } from "kysely";
import type pg from "pg";
import { sql } from "kysely";
import type { SessionsError } from "@sessions/core/internal";
import type { Bus } from "../bus/bus.ts";
import { postgresBus } from "../bus/postgres-bus.ts";
import { migrationsOf } from "../flows/rows/migrations.ts";
import type { OwnerTables } from "../postgres/tables.ts";
import { createSignInKeeper } from "../sign-in/keeper/database-keeper.ts";
import type { SignInKeeper } from "../sign-in/keeper/sign-in-keeper.ts";
import { signInMigrations } from "../sign-in/rows/migrations.ts";

/** How long an operator waits for a connection on which nodes are told, in milliseconds. */
const LISTEN_MS = 5_000;

export interface OperatorSignInsOptions {
  readonly pool: pg.Pool;
  readonly schema: string;
  readonly bus?: Bus;
  readonly report: (error: SessionsError) => void;
}

/**
 * The sign-ins of a schema, for somebody who knows none of the application's options. The rows alone tell when a sign-in
 * ends, and nothing is cached.
 */
export function createOperatorSignIns({ pool, schema, bus, report }: OperatorSignInsOptions): SignInKeeper {
  return createSignInKeeper({
    database: pool,
    schema,
    bus,
    lifetime: { absoluteMs: Infinity, slackMs: 0 },
    rotateMs: Infinity,
    atMost: { perOwner: Infinity, beyond: "refuse" },
    leaseMs: 0,
    cacheBytes: 0,
    sweeps: false,
    report,
  });
}

/** Whether the schema has tables of sign-ins, of this version or another. */
export function hasSignInTables(db: Kysely<OwnerTables>, schema: string): Promise<boolean> {
  return hasTable(db, schema, signInMigrations(schema).table);
}

/** Whether the schema has tables of sign-ins, and none of sessions. */
export async function hasSignInTablesOnly(db: Kysely<OwnerTables>, schema: string): Promise<boolean> {
  return (await hasSignInTables(db, schema)) && !(await hasTable(db, schema, migrationsOf(schema).table));
}

export async function hasTable(db: Kysely<OwnerTables>, schema: string, table: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from information_schema.tables
    where table_schema = ${schema} and table_name = ${table}`.execute(db);
  return rows.length > 0;
}

/** A bus on which the nodes that use Postgres as their bus hear of ends at once. Others hear within their lease. */
export async function openBus(newClient: () => pg.Client): Promise<{ readonly bus: Bus; close(): Promise<void> }> {
  const bus = postgresBus({ client: newClient });
  let close = () => Promise.resolve();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LISTEN_MS);
    close = bus.open({
      onNotices() {},
      onListeningChange() {
        clearTimeout(timer);
        resolve();
      },
    });
  });
  return { bus, close };
}
