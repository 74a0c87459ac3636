export type { CaughtUpWith } from "./caught-up.ts";
export {
  project,
  type CreateTable,
  type Projection,
  type ProjectionContext,
  type ProjectionOptions,
} from "./projection.ts";
export { createProjections, type Projections, type ProjectionsOptions } from "./projections.ts";
export type { ProjectionFault } from "./rows/faults.ts";
export type { OperatorReason } from "./rows/operator-actions.ts";
export type { BuildStatus } from "./rows/status.ts";
export type { FeedSource, KeyType, SourceRow } from "./source.ts";
