import { sql, type Kysely } from "kysely";
import { insertFeeds, listFeeds, type Feed } from "./feeds.ts";
import { currentSnapshot } from "./snapshot.ts";
import type { ProjectionTables } from "./tables.ts";

/** What the database knows of a projection. */
export interface StoredProjection {
  readonly name: string;
  /** The table of its source, and the column of it with the time of a row. */
  readonly sourceTable: string;
  readonly sourceAt: string;
  /** The tables that a build fills; null if it cannot be rebuilt. */
  readonly tables: readonly string[] | null;
  /** The build that the application reads. */
  readonly live: number;
}

/** How many rows of the progress of an old build are deleted at a time. */
const DELETED_ROWS = 10_000;

export async function listProjections(db: Kysely<ProjectionTables>): Promise<readonly StoredProjection[]> {
  const rows = await db
    .selectFrom("projection")
    .select([
      "name",
      "live",
      "tables",
      sql<string>`source_table`.as("sourcetable"),
      sql<string>`source_at`.as("sourceat"),
    ])
    .orderBy("name")
    .execute();
  return rows.map(({ name, sourcetable: sourceTable, sourceat: sourceAt, tables, live }) => ({
    name,
    sourceTable,
    sourceAt,
    // Written by `lockProjection`.
    tables: tables === null ? null : (JSON.parse(tables) as string[]),
    live: Number(live),
  }));
}

/** Locks a projection, which is added if it is new, until the transaction ends. Gives its live build. */
export async function lockProjection(
  tx: Kysely<ProjectionTables>,
  { name, sourceTable, sourceAt, tables }: Omit<StoredProjection, "live">,
): Promise<number> {
  const values = {
    source_table: sourceTable,
    source_at: sourceAt,
    tables: tables === null ? null : JSON.stringify(tables),
  };
  const { live } = await tx
    .insertInto("projection")
    .values({ name, live: 1, ...values })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(values))
    .returning("live")
    .executeTakeFirstOrThrow();
  return Number(live);
}

/** The name of a table of the application while a build fills it that is not live. */
export const buildTable = (table: string, build: number) => `${table}_${build}`;

/** The build that is live. Until the transaction ends, no other build can become it. */
export async function loadLive(tx: Kysely<ProjectionTables>, projection: string): Promise<number> {
  const { live } = await tx
    .selectFrom("projection")
    .select("live")
    .where("name", "=", projection)
    .forShare()
    .executeTakeFirstOrThrow();
  return Number(live);
}

/** Adds a build that begins with a scan of all rows. */
export async function addBuild(
  tx: Kysely<ProjectionTables>,
  build: Pick<Feed, "projection" | "build" | "buckets" | "version">,
  total: number,
  nowMs: number,
): Promise<void> {
  const { snapshot, cluster } = await currentSnapshot(tx);
  const position = { cluster, snapshot, upto: null, after: null, scanning: true, isNew: true, done: 0, total };
  await insertFeeds(tx, build, position, nowMs);
}

/** The newest build of a projection. */
export async function newestBuild(db: Kysely<ProjectionTables>, projection: string): Promise<Feed | undefined> {
  return (await listFeeds(db)).findLast((feed) => feed.projection === projection);
}

/**
 * Makes a build the live one: its tables get their names, and the earlier builds end. In a transaction that has the lock of
 * the projection. The tables of the build before are dropped.
 */
export async function switchToBuild(
  tx: Kysely<ProjectionTables>,
  { name, tables }: Pick<StoredProjection, "name" | "tables">,
  build: number,
): Promise<void> {
  for (const table of tables ?? []) {
    await sql`drop table if exists ${sql.table(table)}`.execute(tx);
    await sql`alter table ${sql.table(buildTable(table, build))} rename to ${sql.id(table)}`.execute(tx);
  }
  await tx.updateTable("projection").set({ live: build }).where("name", "=", name).execute();
  await tx.deleteFrom("projection_feed").where("projection", "=", name).where("build", "<", build).execute();
  await tx.deleteFrom("projection_fault").where("projection", "=", name).where("build", "<", build).execute();
}

/** Deletes the progress of builds before the live one. */
export async function deleteOldProgress(
  db: Kysely<ProjectionTables>,
  schema: string,
  projection: string,
  live: number,
): Promise<void> {
  const table = sql.table(`${schema}.projection_progress`);
  let deleted: number;
  do {
    const { rows } = await sql`
      delete from ${table} where ctid = any (array(
        select ctid from ${table} where projection = ${projection} and build < ${live}::integer limit ${sql.lit(DELETED_ROWS)}))
      returning 1 as one`.execute(db);
    deleted = rows.length;
  } while (deleted > 0);
}
