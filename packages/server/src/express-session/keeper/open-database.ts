import { EventEmitter } from "node:events";
import { SessionsError } from "@sessions/core/internal";
import type { Database } from "../../postgres/database.ts";
import { queriesOf } from "./pglite-queries.ts";
import { StoreDatabase } from "./store-database.ts";
import { SynchronousDialect } from "./synchronous-dialect.ts";

type Opened = Awaited<ReturnType<ConstructorParameters<typeof StoreDatabase>[0]["open"]>>;

let memory: StoreDatabase | undefined;

/**
 * The PGlite in memory that all stores of this process share which got no database. It takes a second or two to open, so
 * it begins at once.
 */
export function memoryDatabase(): StoreDatabase {
  memory ??= new StoreDatabase({ open: openPGlite, schema: "sessions", migrates: true, prepare: false });
  memory.open();
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

const ignore = () => {};
/** How many stores use a pool. They share one listener: Node warns about more than ten. */
const users = new WeakMap<EventEmitter, number>();

/** A pool emits an event for each idle connection that Postgres ends. Without a listener, the event ends the process. */
function listened(database: Database): Opened {
  if (!(database instanceof EventEmitter)) return { database, close: () => Promise.resolve() };
  const count = users.get(database) ?? 0;
  if (count === 0) database.on("error", ignore);
  users.set(database, count + 1);
  return {
    database,
    close: () => {
      const left = users.get(database)! - 1;
      if (left === 0) database.off("error", ignore);
      users.set(database, left);
      return Promise.resolve();
    },
  };
}

async function openPGlite(): Promise<Opened> {
  const module = await import("@electric-sql/pglite").catch(() => {
    throw new SessionsError(
      "configuration_invalid",
      "A store without `database` keeps its sessions in a PGlite in memory: install @electric-sql/pglite, or give `database`.",
    );
  });
  const pglite = await module.PGlite.create();
  const close = () => pglite.close();
  return { database: new SynchronousDialect({ query: queriesOf(pglite, module), close }), close };
}
