import type { AnyFlow } from "@sessions/core/internal";
import type { Kysely } from "kysely";
import { createKysely, type Database } from "../postgres/database.ts";
import { migrate } from "../postgres/migrations.ts";
import { project, type Projection, type ProjectionContext } from "../projections/projection.ts";
import { funnelSource } from "./funnel-source.ts";
import { addCounts, type PlacedCount } from "./rows/counts.ts";
import { funnelMigrations } from "./rows/migrations.ts";
import { loadOpenSessions, saveOpenSessions } from "./rows/open-sessions.ts";
import { foldEntry, type FunnelEntry, type OpenSession } from "./session-rules.ts";

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

async function countEntries(tx: Kysely<object>, schema: string, entries: readonly FunnelEntry[]): Promise<void> {
  const known = await loadOpenSessions(tx, schema, [...new Set(entries.map(({ session }) => session))]);
  const changed = new Map<string, { id: string; owner: string; state: OpenSession | null }>();
  const counts: PlacedCount[] = [];
  for (const entry of entries) {
    const { session: id, owner, flow } = entry;
    const before = changed.has(id) ? changed.get(id)!.state : (known.get(id) ?? null);
    const { after, month, counts: added } = foldEntry(before, entry);
    counts.push(...added.map((count) => ({ ...count, flow, month })));
    changed.set(id, { id, owner, state: after });
  }
  await saveOpenSessions(tx, schema, [...changed.values()]);
  await addCounts(tx, schema, counts);
}
