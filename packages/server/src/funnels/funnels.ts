import type { AnyFlow } from "@sessions/core/internal";
import { createKysely, type Database } from "../postgres/database.ts";
import { migrate } from "../postgres/migrations.ts";
import { project, type Projection, type ProjectionContext } from "../projections/projection.ts";
import { countEntries } from "./count-entries.ts";
import { funnelSource } from "./funnel-source.ts";
import { funnelMigrations } from "./rows/migrations.ts";

export interface FunnelsOptions {
  /** That of the projections. */
  readonly database: Database;
  readonly flows: readonly AnyFlow[];
  /** The Postgres schema that holds the sessions. Default `"sessions"`. */
  readonly schema?: string;
}

export interface Funnels {
  /** Give it to `createProjections`. It counts each entry of each session once, whatever crashes. */
  readonly projection: Projection;
  /** Creates the tables and views, or brings them up to date. Many nodes may call it at once. */
  migrate(): Promise<void>;
}

/**
 * Counts how many sessions of a flow reached, left and finished each step, in the views `funnel_steps`,
 * `funnel_sessions` and `funnel_durations`.
 *
 * @example
 * const funnels = createFunnels({ database: pool, flows: [transfer] });
 * const projections = createProjections({ database: pool, bus, projections: [funnels.projection] });
 * await funnels.migrate();
 */
export function createFunnels({ database, flows, schema = "sessions" }: FunnelsOptions): Funnels {
  const projection = project(funnelSource(flows), {
    name: "funnels",
    handleBatch: (entries, { tx }: ProjectionContext<object>) => countEntries(tx, schema, entries),
  });
  return {
    projection,
    migrate: () => migrate(createKysely(database), schema, funnelMigrations(schema)),
  };
}
