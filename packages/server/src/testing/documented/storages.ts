import { postgresBus } from "@sessions/server";
import { PGlite } from "@electric-sql/pglite";
import { Client, Pool } from "pg";

/** In memory. */
export const inMemory = () => ({ database: new PGlite() });

/** In files of a folder. */
export const inFiles = (folder: string) => ({ database: new PGlite(folder) });

/** In Postgres alone: each read asks it. */
export const inPostgres = (url: string) => ({ database: new Pool({ connectionString: url }), cacheBytes: 1 });

/** In Postgres, behind the cache of each node. */
export const inPostgresBehindTheCache = (url: string) => ({
  database: new Pool({ connectionString: url }),
  bus: postgresBus({ client: () => new Client({ connectionString: url }) }),
});
