import { sql } from "kysely";
import { tableOf } from "./counts.ts";
import { msOf } from "./moments.ts";
import type { DashboardSource } from "./tables.ts";

/** One part of a build of a projection. */
export interface FeedState {
  readonly projection: string;
  readonly build: number;
  readonly bucket: number;
  readonly isLive: boolean;
  readonly isScanning: boolean;
  readonly done: number;
  readonly total: number;
  /** When it last applied something, in milliseconds since 1970. */
  readonly appliedMs: number;
  readonly isHeld: boolean;
}

export async function listFeeds(source: DashboardSource, limit: number): Promise<readonly FeedState[]> {
  const { rows } = await sql<{
    projection: string;
    build: number;
    bucket: number;
    live: string | null;
    scanning: string;
    done: string;
    total: string;
    applied: string;
    held: string;
  }>`
    select feed.projection, build, bucket, (live = build)::text as live, scanning::text as scanning, done::text as done,
      total::text as total, ${msOf("at")} as applied, (holder is not null)::text as held
    from ${tableOf(source, "projection_feed")} as feed
    left join ${tableOf(source, "projection")} as projection on projection.name = feed.projection
    order by feed.projection, build desc, bucket limit ${limit}::integer`.execute(source.db);
  return rows.map(({ projection, build, bucket, live, scanning, done, total, applied, held }) => ({
    projection,
    build: Number(build),
    bucket: Number(bucket),
    isLive: live === "true",
    isScanning: scanning === "true",
    done: Number(done),
    total: Number(total),
    appliedMs: Number(applied),
    isHeld: held === "true",
  }));
}
