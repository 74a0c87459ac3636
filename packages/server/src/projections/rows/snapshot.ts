import { sql, type Kysely } from "kysely";
import type { ProjectionTables } from "./tables.ts";

/** The parts of a `pg_snapshot`, of which the text is "xmin:xmax:xip,xip". */
export interface SnapshotParts {
  /** No transaction with this id, or with a later one, was visible. */
  readonly xmax: string;
  /** The earlier transactions that were under way. */
  readonly underWay: readonly string[];
}

export function snapshotParts(snapshot: string): SnapshotParts {
  const [, xmax, xip] = /^\d+:(\d+):((?:\d+,)*\d*)$/.exec(snapshot) ?? [];
  if (xmax === undefined) throw new Error("A snapshot that Postgres did not write.");
  return { xmax, underWay: xip === undefined || xip === "" ? [] : xip.split(",") };
}

/** What is committed now, and the cluster that says so. */
export async function currentSnapshot(
  db: Kysely<ProjectionTables>,
): Promise<{ readonly snapshot: string; readonly cluster: string }> {
  const { rows } = await sql<{ snapshot: string; cluster: string }>`
    select pg_current_snapshot()::text as snapshot, system_identifier::text as cluster from pg_control_system()`.execute(
    db,
  );
  return rows[0]!;
}
