import { sql, type Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { OwnerTables } from "../tables.ts";

/** The Citus cluster whose coordinator a database is. */
export interface Cluster {
  /** How many workers it has. */
  readonly workers: number;
  /** How many distributed tables the database has, of all schemas. */
  readonly tables: number;
}

/**
 * The cluster of a database. Undefined for a plain PostgreSQL.
 *
 * @throws {SessionsError} `configuration_invalid` on a worker, with the address of the coordinator.
 */
export async function findCluster(db: Kysely<OwnerTables>): Promise<Cluster | undefined> {
  const { rows: found } = await sql<{ there: string }>`
    select (to_regclass('pg_catalog.pg_dist_local_group') is not null)::text as there`.execute(db);
  if (found[0]?.there !== "true") return undefined;
  const { rows } = await sql<{
    group: string;
    host: string | null;
    port: string | null;
    workers: string;
    tables: string;
  }>`
    select (select groupid from pg_dist_local_group)::text as group,
      (select nodename from pg_dist_node where groupid = 0 limit 1) as host,
      (select nodeport from pg_dist_node where groupid = 0 limit 1)::text as port,
      (select count(*) from pg_dist_node where groupid > 0 and noderole = 'primary')::text as workers,
      (select count(*) from pg_dist_partition)::text as tables`.execute(db);
  const { group, host, port, workers, tables } = rows[0]!;
  if (group !== "0") {
    const address = host === null ? "" : `: ${host}:${port}`;
    throw new SessionsError(
      "configuration_invalid",
      `This database is a worker of a Citus cluster. Give the address of its coordinator${address}.`,
    );
  }
  return { workers: Number(workers), tables: Number(tables) };
}
