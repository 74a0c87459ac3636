import { sql, type Kysely, type Transaction } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { ApplicationTables } from "../postgres/application-tables.ts";
import type { ProjectionWork } from "./projection-work.ts";
import { addBuild, buildTable, deleteOldProgress, lockProjection, newestBuild, switchToBuild } from "./rows/builds.ts";
import type { FeedWork } from "./rows/feeds.ts";
import type { ProjectionTables } from "./rows/tables.ts";

/** How long a switch waits for readers of the tables that it replaces, in milliseconds. It tries again later. */
const SWITCH_MS = 2_000;

/** The builds of a projection: begins them, makes their tables, and switches to a new one. */
export class Builds {
  readonly #options: ProjectionWork;
  readonly #prepared = new Set<number>();

  constructor(options: ProjectionWork) {
    this.#options = options;
  }

  /**
   * Begins a build of this version if there is none, and makes its tables.
   *
   * @throws {SessionsError} `configuration_invalid` when the number of buckets has changed and the version has not.
   */
  async begin(): Promise<void> {
    const { db, schema, projection, pages, now } = this.#options;
    const { name, version, buckets } = projection;
    const total = await pages.estimate(db, schema);
    await this.#locked(async (tx, live) => {
      const rows = tx.withSchema(schema);
      const newest = await newestBuild(rows, name);
      if (newest !== undefined && newest.version >= version) {
        if (newest.version === version && newest.buckets !== buckets) {
          throw new SessionsError(
            "configuration_invalid",
            `Projection ${name} has ${newest.buckets} buckets: raise its version to give it ${buckets}.`,
          );
        }
        if (newest.version === version) await this.#createTables(tx, newest.build, live);
        return;
      }
      const build = (newest?.build ?? 0) + 1;
      await addBuild(rows, { projection: name, build, buckets, version }, total, now());
      await this.#createTables(tx, build, live);
    });
  }

  /** Whether this node's handler fills this build. */
  isMine({ version, build, live }: FeedWork): boolean {
    return version === this.#options.projection.version && build >= live;
  }

  /** Makes the tables of builds that an operator began, and switches to a build that has read everything. */
  async look(feeds: readonly FeedWork[]): Promise<void> {
    const own = feeds.filter((feed) => this.isMine(feed));
    const live = own[0]?.live;
    const newest = own.at(-1)?.build;
    if (live === undefined || newest === undefined || newest === live) return;
    if (!this.#prepared.has(newest)) await this.#locked((tx) => this.#createTables(tx, newest, live));
    if (own.filter(({ build }) => build === newest).some(({ scanning, upto }) => scanning || upto !== null)) return;
    await this.#switch(newest);
  }

  async #switch(build: number): Promise<void> {
    const { db, schema, projection } = this.#options;
    await this.#locked(async (tx, live) => {
      if (live >= build) return;
      await sql`select set_config('lock_timeout', ${String(SWITCH_MS)}::text, true)`.execute(tx);
      const tables = projection.tables === undefined ? null : Object.keys(projection.tables);
      await switchToBuild(tx.withSchema(schema), { name: projection.name, tables }, build);
    });
    await deleteOldProgress(db, schema, projection.name, build);
  }

  async #createTables(tx: Transaction<ProjectionTables>, build: number, live: number): Promise<void> {
    for (const [name, create] of Object.entries(this.#options.projection.tables ?? {})) {
      const table = live === build ? name : buildTable(name, build);
      const { rows } = await sql<{ found: string | null }>`select to_regclass(${table})::text as found`.execute(tx);
      // The application's tables are in the same database.
      if (rows[0]!.found === null) await create(tx as unknown as Kysely<ApplicationTables>, sql.table(table));
    }
    this.#prepared.add(build);
  }

  #locked<T>(work: (tx: Transaction<ProjectionTables>, live: number) => Promise<T>): Promise<T> {
    const { db, schema, projection } = this.#options;
    const { name, source, tables } = projection;
    return db.transaction().execute(async (tx) => {
      const live = await lockProjection(tx.withSchema(schema), {
        name,
        sourceTable: source.table,
        sourceAt: source.at,
        tables: tables === undefined ? null : Object.keys(tables),
      });
      return work(tx, live);
    });
  }
}
