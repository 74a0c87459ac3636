import { sql, type Kysely } from "kysely";
import type { ProjectionTables } from "./tables.ts";

/** The parts of a `pg_snapshot`, of which the text is "xmin:xmax:xip,xip". */
export interface SnapshotParts {
  /** Each transaction with an earlier id has ended. */
  readonly xmin: string;
  /** No transaction with this id, or with a later one, was visible. */
  readonly xmax: string;
  /** The earlier transactions that were under way. */
  readonly underWay: readonly string[];
}

export function snapshotParts(snapshot: string): SnapshotParts {
  const [, xmin, xmax, xip] = /^(\d+):(\d+):((?:\d+,)*\d*)$/.exec(snapshot) ?? [];
  if (xmin === undefined || xmax === undefined) throw new Error("A snapshot that Postgres did not write.");
  return { xmin, xmax, underWay: xip === undefined || xip === "" ? [] : xip.split(",") };
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

/** The id of a transaction that begins now. It may be later than the `xmax` of a snapshot of the same moment. */
export async function nextTransactionId(db: Kysely<ProjectionTables>): Promise<string> {
  const { rows } = await sql<{ xid: string }>`select pg_current_xact_id()::text as xid`.execute(db);
  return rows[0]!.xid;
}
