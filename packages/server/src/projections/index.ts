export { project, type Projection, type ProjectionContext, type ProjectionOptions } from "./projection.ts";
export { createProjections, type Projections, type ProjectionsOptions } from "./projections.ts";
export type { FeedSource, KeyType, SourceRow } from "./source.ts";
