import type { Kysely } from "kysely";
import type pg from "pg";
import { sql } from "kysely";
import type { Bus } from "../bus/bus.ts";
import { postgresBus } from "../bus/postgres-bus.ts";
import { sessionMigrations } from "../flows/rows/migrations.ts";
import type { OwnerTables } from "../postgres/tables.ts";
import { signInMigrations } from "../sign-in/rows/migrations.ts";

/** How long an operator waits for a connection on which nodes are told, in milliseconds. */
const LISTEN_MS = 5_000;

/** Whether the schema has tables of sign-ins, of this version or another. */
export function hasSignInTables(db: Kysely<OwnerTables>, schema: string): Promise<boolean> {
  return hasTable(db, schema, signInMigrations(schema).table);
}

/** Whether the schema has tables of sign-ins, and none of sessions. */
export async function hasSignInTablesOnly(db: Kysely<OwnerTables>, schema: string): Promise<boolean> {
  return (await hasSignInTables(db, schema)) && !(await hasTable(db, schema, sessionMigrations(schema).table));
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
