import { sql, type Kysely, type RawBuilder, type UpdateObject } from "kysely";
import { time, timeOf } from "../../postgres/values.ts";
import type { ProjectionTables } from "./tables.ts";

/** Which feed: one bucket of one build of a projection. */
export interface FeedKey {
  readonly projection: string;
  readonly build: number;
  readonly bucket: number;
}

/** What was read of some rows. */
export interface Position {
  readonly snapshot: string;
  readonly upto: string | null;
  readonly after: string | null;
  readonly scanning: boolean;
}

/** What a feed has read. */
export interface FeedPosition extends Position {
  readonly cluster: string;
  /** Whether it has not yet come to the end of its first scan. */
  readonly isNew: boolean;
  readonly done: number;
  readonly total: number;
}

export interface Feed extends FeedKey, FeedPosition {
  readonly buckets: number;
  readonly version: number;
  readonly holder: string | null;
  readonly fence: number;
  readonly beat: string;
  readonly at: string;
  /** A stream whose first row is older, and of which no progress is known, has ended, and all of it was applied. As ISO 8601. */
  readonly retiredBefore: string | null;
}

/** A feed, and the work that there is for it. */
export interface FeedWork extends Feed {
  readonly hasNews: boolean;
  /** Whether a stream waits that is to be tried again. */
  readonly hasDueFault: boolean;
  /** The live build of the projection. */
  readonly live: number;
}

const feedColumns = [
  "projection",
  "build",
  "bucket",
  "buckets",
  "version",
  "holder",
  "fence",
  sql<string>`beat::text`.as("beat"),
  "cluster",
  "snapshot",
  "upto",
  "after",
  sql<string>`scanning::text`.as("scanning"),
  sql<string>`is_new::text`.as("new"),
  sql<string>`done::text`.as("done"),
  sql<string>`total::text`.as("total"),
  sql<string>`to_json(at)#>>'{}'`.as("at"),
  sql<string | null>`to_json(retired_before)#>>'{}'`.as("retired"),
] as const;

type FeedRow = Omit<Feed, "scanning" | "isNew" | "done" | "total" | "retiredBefore"> & {
  scanning: string;
  new: string;
  retired: string | null;
  done: string;
  total: string;
};

function feedFromRow({ new: isNew, retired: retiredBefore, ...row }: FeedRow): Feed {
  return {
    ...row,
    build: Number(row.build),
    bucket: Number(row.bucket),
    buckets: Number(row.buckets),
    version: Number(row.version),
    fence: Number(row.fence),
    scanning: row.scanning === "true",
    isNew: isNew === "true",
    done: Number(row.done),
    total: Number(row.total),
    retiredBefore,
  };
}

export async function listFeeds(db: Kysely<ProjectionTables>): Promise<readonly Feed[]> {
  const rows = await db
    .selectFrom("projection_feed")
    .select(feedColumns)
    .orderBy("projection")
    .orderBy("build")
    .orderBy("bucket")
    .execute();
  return rows.map(feedFromRow);
}

/**
 * Says that this node lives, in all leases that it holds. Gives all feeds as they were before, and what there is to do for
 * them. `hasNews` is for each projection the condition that there are new rows. It is one statement.
 */
export async function beat(
  db: Kysely<ProjectionTables>,
  schema: string,
  node: string,
  hasNews: ReadonlyMap<string, RawBuilder<boolean>>,
  nowMs: number,
): Promise<readonly FeedWork[]> {
  const cases = [...hasNews].map(([projection, news]) => sql`when ${projection} then ${news}`);
  const rows = await db
    .with("beaten", (cte) =>
      cte
        .updateTable("projection_feed")
        .set({ beat: sql<string>`beat + 1` })
        .where("holder", "=", node),
    )
    .selectFrom("projection_feed as feed")
    .select([
      ...feedColumns,
      sql<string>`(feed.scanning or feed.upto is not null
        or feed.cluster <> (select system_identifier::text from pg_control_system())
        or ${cases.length === 0 ? sql`false` : sql`case feed.projection ${sql.join(cases, sql` `)} else false end`})::text`.as(
        "news",
      ),
      sql<string>`exists (
        select from ${sql.table(`${schema}.projection_fault`)} as fault
        where fault.projection = feed.projection and fault.build = feed.build and fault.bucket = feed.bucket
          and fault.next_at <= ${timeOf(nowMs)})::text`.as("due"),
      sql<
        string | null
      >`(select live from ${sql.table(`${schema}.projection`)} as whole where whole.name = feed.projection)::text`.as(
        "live",
      ),
    ])
    .orderBy("projection")
    .orderBy("build")
    .orderBy("bucket")
    .execute();
  return rows.map(({ news, due, live, ...row }) => ({
    ...feedFromRow(row),
    hasNews: news === "true",
    hasDueFault: due === "true",
    live: Number(live),
  }));
}

/** Takes the lease of a feed, if nobody has moved it since `known`. Gives the feed as it is then; undefined for another's. */
export async function takeLease(db: Kysely<ProjectionTables>, known: Feed, node: string): Promise<Feed | undefined> {
  const row = await db
    .updateTable("projection_feed")
    .set({ holder: node, fence: known.fence + 1, beat: sql<string>`beat + 1` })
    .where("projection", "=", known.projection)
    .where("build", "=", known.build)
    .where("bucket", "=", known.bucket)
    .where("fence", "=", known.fence)
    .where(sql<boolean>`beat = ${known.beat}::text::bigint`)
    .returning(feedColumns)
    .executeTakeFirst();
  return row && feedFromRow(row);
}

/** Gives the leases of a node back. */
export async function releaseLeases(db: Kysely<ProjectionTables>, node: string): Promise<void> {
  await db.updateTable("projection_feed").set({ holder: null }).where("holder", "=", node).execute();
}

/** A feed, and the fence of the lease under which this node works on it. */
type HeldFeed = FeedKey & { readonly fence: number };

/**
 * Moves a feed to a position, in the transaction of the effects. False if its lease has another holder by now: then the
 * transaction must be rolled back.
 */
export function moveFeed(
  tx: Kysely<ProjectionTables>,
  feed: HeldFeed,
  { cluster, snapshot, upto, after, scanning, isNew, done, total }: FeedPosition,
  nowMs: number,
): Promise<boolean> {
  return updateHeld(tx, feed, {
    cluster,
    snapshot,
    upto,
    after,
    scanning,
    is_new: isNew,
    done: String(done),
    total: String(total),
    at: timeOf(nowMs),
  });
}

/**
 * Notes that progress was deleted, in the transaction that deletes it: of streams with so many rows, which began before a
 * moment. False if the lease has another holder by now.
 */
export function noteRetired(
  tx: Kysely<ProjectionTables>,
  feed: HeldFeed,
  { before, applied }: { readonly before: string; readonly applied: number },
): Promise<boolean> {
  const retired = sql<string>`retired + ${applied}::bigint`;
  return updateHeld(tx, feed, { retired_before: time(before), retired });
}

async function updateHeld(
  tx: Kysely<ProjectionTables>,
  { projection, build, bucket, fence }: HeldFeed,
  values: UpdateObject<ProjectionTables, "projection_feed">,
): Promise<boolean> {
  const rows = await tx
    .updateTable("projection_feed")
    .set(values)
    .where("projection", "=", projection)
    .where("build", "=", build)
    .where("bucket", "=", bucket)
    .where("fence", "=", fence)
    .returning("bucket")
    .execute();
  return rows.length === 1;
}

/** Adds a build: a feed for each bucket. A build that is there stays as it is. */
export async function insertFeeds(
  db: Kysely<ProjectionTables>,
  build: Pick<Feed, "projection" | "build" | "buckets" | "version">,
  { done, total, isNew, ...position }: FeedPosition,
  nowMs: number,
): Promise<void> {
  const values = Array.from({ length: build.buckets }, (_, bucket) => ({
    ...build,
    bucket,
    holder: null,
    fence: 0,
    ...position,
    is_new: isNew,
    done: String(done),
    total: String(total),
    at: timeOf(nowMs),
  }));
  await db
    .insertInto("projection_feed")
    .values(values)
    .onConflict((conflict) => conflict.columns(["projection", "build", "bucket"]).doNothing())
    .execute();
}
