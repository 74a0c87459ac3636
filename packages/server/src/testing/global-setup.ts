import type { TestProject } from "vitest/node";
import { startPostgres, type PostgresServer } from "./embedded/postgres-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A superuser's URL of the run's PostgreSQL 18. Make a database of your own there: see `freshDatabase`. */
    postgresUrl: string;
  }
}

// Each vitest project loads this file again. They share the run's one server through a global.
declare global {
  var sessionsPostgres: { readonly server: Promise<PostgresServer>; users: number } | undefined;
}

/** Gives the tests `postgresUrl`: `DATABASE_URL`, else the URL of a server started once for all projects of the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["DATABASE_URL"];
  if (given) {
    project.provide("postgresUrl", given);
    return async () => {};
  }

  const running = (globalThis.sessionsPostgres ??= { server: startPostgres(), users: 0 });
  running.users += 1;
  const server = await running.server;
  project.provide("postgresUrl", server.url);
  return async () => {
    running.users -= 1;
    if (running.users > 0) return;
    globalThis.sessionsPostgres = undefined;
    await server.stop();
  };
}
