import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { addBuild, listProjections, lockProjection, newestBuild, type StoredProjection } from "./rows/builds.ts";
import { findFault, listFaults, type ProjectionFault, type FaultOf } from "./rows/faults.ts";
import { retryFault, skipFault, type OperatorReason } from "./rows/operator-actions.ts";
import { listStatus, type BuildStatus } from "./rows/status.ts";
import type { ProjectionTables } from "./rows/tables.ts";

export interface ProjectionOperatorOptions {
  readonly db: Kysely<ProjectionTables>;
  readonly schema: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What an operator does with projections, without their handlers. The nodes that work on them find out by themselves. */
export class ProjectionOperator {
  readonly #options: ProjectionOperatorOptions;
  readonly #rows: Kysely<ProjectionTables>;

  constructor(options: ProjectionOperatorOptions) {
    this.#options = options;
    this.#rows = options.db.withSchema(options.schema);
  }

  status(): Promise<readonly BuildStatus[]> {
    const { db, schema, now } = this.#options;
    return listStatus(db, schema, now());
  }

  async faults(projection: string, limit: number): Promise<readonly ProjectionFault[]> {
    await this.#find(projection);
    return listFaults(this.#rows, projection, limit);
  }

  /** Undefined if its entry has been applied or skipped meanwhile. */
  fault(of: FaultOf): Promise<ProjectionFault | undefined> {
    return findFault(this.#rows, of);
  }

  async retry(fault: ProjectionFault, { who, why }: OperatorReason): Promise<void> {
    const action = { id: randomUUID(), who, why, atMs: this.#options.now() };
    await this.#rows.transaction().execute((tx) => retryFault(tx, fault, action));
  }

  async skip(fault: ProjectionFault, { who, why }: OperatorReason): Promise<boolean> {
    const action = { id: randomUUID(), who, why, atMs: this.#options.now() };
    return this.#rows.transaction().execute((tx) => skipFault(tx, fault, action));
  }

  /** Begins a build of the version that the newest build has. */
  async rebuild(name: string): Promise<void> {
    const found = await this.#find(name);
    if (found.tables === null) {
      throw new SessionsError(
        "configuration_invalid",
        `Projection ${name} has no \`tables\`: a rebuild would apply the whole history to the same tables again.`,
      );
    }
    await this.#rows.transaction().execute(async (tx) => {
      await lockProjection(tx, found);
      const newest = await newestBuild(tx, name);
      if (newest === undefined) return;
      const { projection, build, buckets, version, total } = newest;
      await addBuild(tx, { projection, build: build + 1, buckets, version }, total, this.#options.now());
    });
  }

  async #find(name: string): Promise<StoredProjection> {
    const found = (await listProjections(this.#rows)).find((projection) => projection.name === name);
    if (found !== undefined) return found;
    throw new SessionsError("configuration_invalid", `The database has no projection named ${JSON.stringify(name)}.`);
  }
}
