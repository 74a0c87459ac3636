import { sql, type Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { OwnerTables } from "../tables.ts";

/** The size of all shards of a table together. */
export interface ShardSizes {
  /** On the disk, without indexes. */
  readonly bytes: number;
  /** Postgres' own estimate of the rows; null if a shard with rows was never analyzed. */
  readonly estimate: number | null;
}

/** Runs on the worker, for each shard. `%s` is the shard. */
const sizesOfShard = `
  select json_build_object('bytes', pg_relation_size(oid), 'rows',
    case when pg_relation_size(oid) = 0 then 0 when reltuples >= 0 and relpages > 0 then
      round(reltuples::numeric * pg_relation_size(oid) / (relpages * current_setting('block_size')::numeric)) end)
  from pg_class where oid = '%s'::regclass`;

/**
 * The sizes of tables on a distributed Postgres, by their names. The coordinator's own tables are empty, and so is its estimate.
 *
 * @throws {SessionsError} `database_unreachable` if a worker does not answer.
 */
export async function readShardSizes(
  db: Kysely<OwnerTables>,
  schema: string,
  tables: readonly string[],
): Promise<ReadonlyMap<string, ShardSizes>> {
  if (tables.length === 0) return new Map();
  const { rows } = await sql<{ name: string; bytes: string | null; estimate: string | null; missing: string }>`
    select relname as name, sum((result::json ->> 'bytes')::numeric)::text as bytes,
      case when bool_and(result::json ->> 'rows' is not null) then sum((result::json ->> 'rows')::numeric)::text end as estimate,
      (count(*) filter (where not success))::text as missing
    from (
      select relname, success, case when success then result end as result
      from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        join pg_dist_partition on logicalrelid = pg_class.oid,
        run_command_on_placements(logicalrelid, ${sizesOfShard}::text)
      where nspname = ${schema} and relname in (${sql.join(tables)})
    ) as shard
    group by relname`.execute(db);
  if (rows.some(({ missing }) => missing !== "0")) {
    throw new SessionsError("database_unreachable", "A worker of the Citus cluster does not answer.");
  }
  return new Map(
    rows.map(({ name, bytes, estimate }) => [
      name,
      { bytes: Number(bytes), estimate: estimate === null ? null : Number(estimate) },
    ]),
  );
}
