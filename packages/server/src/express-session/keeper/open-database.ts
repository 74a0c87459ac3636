import { EventEmitter } from "node:events";
import { SessionsError } from "@sessions/core/internal";
import type { Database } from "../../postgres/database.ts";
import { StoreDatabase } from "./store-database.ts";

type Opened = Awaited<ReturnType<ConstructorParameters<typeof StoreDatabase>[0]["open"]>>;

let memory: StoreDatabase | undefined;

/** The PGlite in memory that all stores of this process share which got no database. */
export function memoryDatabase(): StoreDatabase {
  memory ??= new StoreDatabase({ open: openPGlite, schema: "sessions", migrates: true, prepare: false });
  return memory;
}

/** Opens what the option `database` names. A pool that the application made is the application's to close. */
export async function openDatabase(database: Database | string): Promise<Opened> {
  if (typeof database !== "string") return listened(database);
  const { default: pg } = await import("pg").catch(() => {
    throw new SessionsError("configuration_invalid", "Install the package pg, or give `database` a pool.");
  });
  const pool = new pg.Pool({ connectionString: database, allowExitOnIdle: true });
  pool.on("error", () => {});
  return { database: pool, close: () => pool.end() };
}

/** A pool emits an event for each idle connection that Postgres ends. Without a listener, the event ends the process. */
function listened(database: Database): Opened {
  if (!(database instanceof EventEmitter)) return { database, close: () => Promise.resolve() };
  const listener = () => {};
  database.on("error", listener);
  return {
    database,
    close: () => {
      database.off("error", listener);
      return Promise.resolve();
    },
  };
}

async function openPGlite(): Promise<Opened> {
  const { PGlite } = await import("@electric-sql/pglite").catch(() => {
    throw new SessionsError(
      "configuration_invalid",
      "A store without `database` keeps its sessions in a PGlite in memory: install @electric-sql/pglite, or give `database`.",
    );
  });
  const database = await PGlite.create();
  return { database, close: () => database.close() };
}
