import { sql, type Kysely } from "kysely";
import { listProjections } from "./builds.ts";
import { listFeeds, type Feed } from "./feeds.ts";
import { snapshotParts } from "./snapshot.ts";
import type { ProjectionTables } from "./tables.ts";

/** How a build of a projection stands. */
export interface BuildStatus {
  readonly projection: string;
  readonly build: number;
  readonly version: number;
  /** Whether the application reads this build. */
  readonly isLive: boolean;
  readonly buckets: number;
  /** How many buckets have a node that works on them. A node that has died counts until another one takes over. */
  readonly led: number;
  /** How many rows its scan has read, of about how many; null when it has read all that were there. */
  readonly scan: { readonly done: number; readonly total: number } | null;
  /** How many rows are not read yet, and whether there may be more. */
  readonly behind: { readonly rows: number; readonly exact: boolean };
  /** How long ago the oldest of them was written, in milliseconds; 0 if there is none. */
  readonly lagMs: number;
  /** How many streams wait, because their next row has a fault. */
  readonly waiting: number;
  /** When it last applied something, as ISO 8601. */
  readonly at: string;
}

/** So many rows are counted of those that are not read yet. */
const COUNTED_ROWS = 10_000;

/** All builds of all projections. */
export async function listStatus(
  db: Kysely<ProjectionTables>,
  schema: string,
  nowMs: number,
): Promise<readonly BuildStatus[]> {
  const rows = db.withSchema(schema);
  const feeds = await listFeeds(rows);
  const found: BuildStatus[] = [];
  for (const projection of await listProjections(rows)) {
    const own = feeds.filter((feed) => feed.projection === projection.name);
    for (const build of new Set(own.map((feed) => feed.build))) {
      const ofBuild = own.filter((feed) => feed.build === build);
      found.push(await buildStatus(db, schema, projection, ofBuild, nowMs));
    }
  }
  return found;
}

type Projection = Awaited<ReturnType<typeof listProjections>>[number];

async function buildStatus(
  db: Kysely<ProjectionTables>,
  schema: string,
  projection: Projection,
  feeds: readonly Feed[],
  nowMs: number,
): Promise<BuildStatus> {
  const [first] = feeds as [Feed, ...Feed[]];
  const sum = (numbers: readonly number[]) => numbers.reduce((one, other) => one + other, 0);
  const unread = [];
  for (const feed of feeds) unread.push(await countUnread(db, schema, projection, feed));
  const oldest = unread.map(({ oldestMs }) => oldestMs ?? nowMs);
  const { rows: faults } = await sql<{ waiting: string }>`
    select count(*)::text as waiting from ${sql.table(`${schema}.projection_fault`)}
    where projection = ${projection.name} and build = ${first.build}`.execute(db);
  return {
    projection: projection.name,
    build: first.build,
    version: first.version,
    isLive: projection.live === first.build,
    buckets: feeds.length,
    led: feeds.filter(({ holder }) => holder !== null).length,
    scan: feeds.some(({ scanning }) => scanning)
      ? { done: sum(feeds.map(({ done }) => done)), total: Math.max(...feeds.map(({ total }) => total)) }
      : null,
    behind: {
      rows: Math.max(...unread.map(({ rows }) => rows)),
      exact: unread.every(({ rows }) => rows < COUNTED_ROWS),
    },
    lagMs: Math.max(0, nowMs - Math.min(...oldest)),
    waiting: Number(faults[0]?.waiting),
    at: feeds
      .map(({ at }) => at)
      .toSorted()
      .at(-1)!,
  };
}

/** The rows that a feed has not read, of all buckets. A scan counts them apart. */
async function countUnread(
  db: Kysely<ProjectionTables>,
  schema: string,
  { sourceTable, sourceAt }: Projection,
  { snapshot }: Feed,
): Promise<{ readonly rows: number; readonly oldestMs: number | null }> {
  const { xmax, underWay } = snapshotParts(snapshot);
  const { rows } = await sql<{ rows: string; oldest: string | null }>`
    select count(*)::text as rows, (extract(epoch from min(at)) * 1000)::text as oldest from (
      select ${sql.ref(`event.${sourceAt}`)} as at from ${sql.table(`${schema}.${sourceTable}`)} as event
      where event.xid >= ${xmax}::text::xid8 or event.xid = any(${`{${underWay.join(",")}}`}::text::xid8[])
      order by event.xid limit ${sql.lit(COUNTED_ROWS)}
    ) as unread`.execute(db);
  const { rows: count, oldest } = rows[0]!;
  return { rows: Number(count), oldestMs: oldest === null ? null : Number(oldest) };
}
