import type { Kysely } from "kysely";
import type { Projection } from "./projection.ts";
import type { SourcePages } from "./rows/source-pages.ts";
import type { ProjectionTables } from "./rows/tables.ts";

/** What all work on a projection needs. */
export interface ProjectionWork {
  readonly db: Kysely<ProjectionTables>;
  readonly schema: string;
  readonly projection: Projection;
  readonly pages: SourcePages;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
