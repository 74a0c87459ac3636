import { sql, type Kysely } from "kysely";
import { timeOf } from "../../postgres/values.ts";
import type { ProjectionFault } from "./faults.ts";
import type { ProjectionTables } from "./tables.ts";

/** Who does something about a fault, and why: for the audit. */
export interface OperatorReason {
  readonly who: string;
  readonly why: string;
}

interface Action extends OperatorReason {
  readonly id: string;
  readonly atMs: number;
}

/** Has the next row of a stream tried again at once. Runs in a transaction. */
export async function retryFault(tx: Kysely<ProjectionTables>, fault: ProjectionFault, action: Action): Promise<void> {
  await setDue(tx, fault, action.atMs);
  await audit(tx, fault, "retry", action);
}

/** Counts a row as applied that was not, so that its stream goes on behind it. False if it is not the next row any more. */
export async function skipFault(
  tx: Kysely<ProjectionTables>,
  fault: ProjectionFault,
  action: Action,
): Promise<boolean> {
  if (!(await skipRow(tx, fault)) && !(await skipPlace(tx, fault))) return false;
  await setDue(tx, fault, action.atMs);
  await audit(tx, fault, "skip", action);
  return true;
}

async function skipRow(tx: Kysely<ProjectionTables>, fault: ProjectionFault): Promise<boolean> {
  const { projection, build, owner, stream, number } = fault;
  const rows = await tx
    .updateTable("projection_progress")
    .set({ applied: number })
    .where("projection", "=", projection)
    .where("build", "=", build)
    .where("owner_id", "=", owner)
    .where("stream_id", "=", stream)
    .where("applied", "=", number - 1)
    .where(sql<boolean>`waiting`)
    .returning("applied")
    .execute();
  return rows.length > 0;
}

/** Of a source without numbers. */
async function skipPlace(tx: Kysely<ProjectionTables>, fault: ProjectionFault): Promise<boolean> {
  const { projection, build, owner, stream, number } = fault;
  const rows = await tx
    .updateTable("projection_fault")
    .set({ number: number + 1, tries: 0, after: sql<string>`place`, place: null })
    .where("projection", "=", projection)
    .where("build", "=", build)
    .where("owner_id", "=", owner)
    .where("stream_id", "=", stream)
    .where("number", "=", number)
    .where("place", "is not", null)
    .returning("number")
    .execute();
  return rows.length > 0;
}

async function setDue(tx: Kysely<ProjectionTables>, fault: ProjectionFault, atMs: number): Promise<void> {
  await tx
    .updateTable("projection_fault")
    .set({ next_at: timeOf(atMs) })
    .where("projection", "=", fault.projection)
    .where("build", "=", fault.build)
    .where("owner_id", "=", fault.owner)
    .where("stream_id", "=", fault.stream)
    .execute();
}

async function audit(
  tx: Kysely<ProjectionTables>,
  { projection, build, owner, stream, number }: ProjectionFault,
  action: "retry" | "skip",
  { id, who, why, atMs }: Action,
): Promise<void> {
  const at = timeOf(atMs);
  await tx
    .insertInto("projection_audit")
    .values({ id, projection, build, owner_id: owner, stream_id: stream, number, action, who, why, at })
    .execute();
}

/** Deletes entries of the audit that are older than a moment: the oldest ones, at most so many. Gives how many. */
export async function deleteAuditBefore(
  db: Kysely<ProjectionTables>,
  schema: string,
  beforeMs: number,
  atMost: number,
): Promise<number> {
  const audit = sql.table(`${schema}.projection_audit`);
  const { rows } = await sql`
    delete from ${audit} where id in (
      select id from ${audit} where at < ${timeOf(beforeMs)} order by at limit ${sql.lit(atMost)})
    returning 1 as one`.execute(db);
  return rows.length;
}
