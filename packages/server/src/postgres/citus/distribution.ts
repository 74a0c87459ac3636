import { sql, type Kysely, type Transaction } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { DistributionKeys, OwnerTables } from "../tables.ts";
import { findCluster } from "./cluster.ts";

export interface DistributionOptions {
  readonly schema: string;
  readonly keys: DistributionKeys;
  /** Called with the name of each table that was distributed. */
  readonly onDistributed?: ((table: string) => void) | undefined;
}

/**
 * Distributes the tables of a schema that are not distributed yet, each in a transaction of its own. The tables of owners are
 * co-located: the rows of one owner are on one worker. A table that has rows keeps them, and its writers wait meanwhile.
 *
 * @throws {SessionsError} `configuration_invalid` for a database that is no coordinator of Citus.
 */
export async function distributeTables(db: Kysely<OwnerTables>, options: DistributionOptions): Promise<void> {
  if ((await findCluster(db)) === undefined) {
    throw new SessionsError(
      "configuration_invalid",
      '`databaseKind` is "citus", and the database has no extension of this name: `create extension citus`.',
    );
  }
  for (const table of await listUndistributed(db, options.schema, Object.keys(options.keys))) {
    const isDistributed = await db.transaction().execute((tx) => distribute(tx, table, options));
    if (!isDistributed) continue;
    // The old rows are still in the table itself, where no statement finds them.
    await sql`select truncate_local_data_after_distributing_table(${nameOf(options.schema, table)}::regclass)`.execute(
      db,
    );
    options.onDistributed?.(table);
  }
}

/** The tables of these that are not distributed, in the same order. A table that does not exist is none either. */
export async function listUndistributed(
  db: Kysely<OwnerTables>,
  schema: string,
  tables: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_dist_partition
    join pg_class on pg_class.oid = logicalrelid join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = ${schema}`.execute(db);
  return tables.filter((table) => !rows.some(({ name }) => name === table));
}

/** False when another node came first. */
async function distribute(
  tx: Transaction<OwnerTables>,
  table: string,
  { schema, keys }: DistributionOptions,
): Promise<boolean> {
  // It takes as long as there are rows.
  await sql`set local statement_timeout = 0`.execute(tx);
  // One node distributes at a time. All parts of the server have this table, and the lock blocks no readers or writers.
  await sql`lock table ${sql.table(`${schema}.owner`)} in share update exclusive mode`.execute(tx);
  if ((await listUndistributed(tx, schema, [table])).length === 0) return false;
  const name = nameOf(schema, table);
  const key = keys[table]!;
  // A default that differs from node to node would keep an insert from going to one shard. Only projections use this column.
  const { rows } = await sql`
    select from information_schema.columns
    where table_schema = ${schema} and table_name = ${table} and column_name = 'xid'`.execute(tx);
  if (rows.length > 0) {
    await sql`alter table ${sql.table(`${schema}.${table}`)} alter column xid set default '0'::xid8`.execute(tx);
  }
  const isCoLocated = key === "owner_id" && table !== "owner";
  const group = isCoLocated ? nameOf(schema, "owner") : "default";
  await sql`select create_distributed_table(${name}::regclass, ${key}, colocate_with => ${group})`.execute(tx);
  return true;
}

const nameOf = (schema: string, table: string) => `"${schema}"."${table}"`;
