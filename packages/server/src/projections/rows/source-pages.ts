import { sql, type Kysely, type RawBuilder } from "kysely";
import type { FeedSource, SourceRow } from "../source.ts";
import { time } from "../../postgres/values.ts";
import { inBucket } from "./buckets.ts";
import type { StreamKey } from "./progress.ts";
import { snapshotParts } from "./snapshot.ts";
import type { ProjectionTables } from "./tables.ts";

/** A row of a source, and its place among the rows that are being read. */
export interface PageRow extends SourceRow {
  /** The place as JSON, for the next page. Only the last row of a page has it. */
  readonly place: string | null;
  /** Whether it is older than `retiredBefore` of the request. */
  readonly isOld: boolean;
}

/** Which rows of a source a feed reads. */
export interface PageRequest {
  readonly bucket: number;
  readonly buckets: number;
  /** The place of the last row that was read before; null at the start. */
  readonly after: string | null;
  readonly limit: number;
  readonly retiredBefore: string | null;
  /** The only stream whose rows are read; all if it is missing. */
  readonly stream?: StreamKey;
}

/** The first transaction of every cluster. Each snapshot shows it. */
const FIRST_TRANSACTION = "3";

/** How many rows of another cluster are changed at a time. */
const RESET_ROWS = 10_000;

/** Reads the rows of a source, page by page. */
export class SourcePages {
  readonly #table: RawBuilder<unknown>;
  readonly #source: FeedSource<unknown>;
  readonly #key: readonly (readonly [name: string, type: string])[];

  constructor(schema: string, source: FeedSource<unknown>) {
    this.#table = sql.table(`${schema}.${source.table}`);
    this.#source = source;
    this.#key = Object.entries(source.key);
  }

  /**
   * The rows that are visible in `upto` and not in `since`, in the order of their transactions. A transaction that was
   * under way in `since` has an earlier id than the others, and so its rows come first.
   */
  async newRows(
    db: Kysely<ProjectionTables>,
    since: string,
    upto: string,
    { after, limit, ...request }: PageRequest,
  ): Promise<readonly PageRow[]> {
    const before = snapshotParts(since);
    const order = [["xid", "xid8"] as const, ...this.#key];
    const afterXid = after === null ? null : placeOf(after)[0]!;
    // Without statistics, Postgres expects few rows of many conditions, and would sort a whole backlog for each page. So there
    // is one bound that it knows, and the others are in an expression into which it cannot look.
    const isVisible = sql`pg_visible_in_snapshot(event.xid, ${upto}::text::pg_snapshot)`;
    const inStream = request.stream === undefined ? sql`` : this.#isWanted(request);
    const inBucket = request.stream === undefined ? this.#isWanted(request) : sql``;
    const page = (which: RawBuilder<unknown>) => sql`(
      select ${this.#selection(order, request.retiredBefore)} from ${this.#table} as event
      where ${which} ${inStream} and case when ${isVisible} ${inBucket} ${isAfter(order, after)} then true else false end
      order by ${orderOf("event", order)} limit ${sql.lit(limit)})`;
    const from = afterXid !== null && BigInt(afterXid) > BigInt(before.xmax) ? afterXid : before.xmax;
    const newer = page(sql`event.xid >= ${from}::text::xid8`);
    const late = page(sql`event.xid = any(${`{${before.underWay.join(",")}}`}::text::xid8[])`);
    const both = before.underWay.length === 0 ? newer : sql`(${late} union all ${newer})`;
    const first = sql`(
      select * from ${both} as page order by ${orderOf("page", order, "key_")} limit ${sql.lit(limit)}) as page`;
    return this.#read(db, first, order);
  }

  /** The rows that are visible in a snapshot, in the order of the key. */
  async allRows(
    db: Kysely<ProjectionTables>,
    snapshot: string,
    { after, limit, ...request }: PageRequest,
  ): Promise<readonly PageRow[]> {
    const page = sql`(
      select ${this.#selection(this.#key, request.retiredBefore)} from ${this.#table} as event
      where pg_visible_in_snapshot(event.xid, ${snapshot}::text::pg_snapshot)
        ${this.#isWanted(request)} ${isAfter(this.#key, after)}
      order by ${orderOf("event", this.#key)} limit ${sql.lit(limit)}) as page`;
    return this.#read(db, page, this.#key);
  }

  /** The rows of a stream with numbers above `applied` and below `before`, in order. The source has numbers. */
  async rowsOfStream(
    db: Kysely<ProjectionTables>,
    { owner, stream, applied, before, limit, retiredBefore }: StreamRequest,
  ): Promise<readonly PageRow[]> {
    const number = sql.ref(`event.${this.#source.number}`);
    const end = before === null ? sql`` : sql`and ${number} < ${before}::integer`;
    const page = sql`(
      select ${this.#selection(this.#key, retiredBefore)} from ${this.#table} as event
      where event.owner_id = ${owner} and ${this.#isStream(stream)}
        and ${number} > ${applied}::integer ${end}
      order by ${number} limit ${sql.lit(limit)}) as page`;
    return this.#read(db, page, this.#key);
  }

  /** The number of the newest row of a stream, 0 if it has none; and the time of its first one, as ISO 8601. */
  async headOfStream(
    db: Kysely<ProjectionTables>,
    owner: string,
    stream: string,
  ): Promise<{ readonly head: number; readonly begunAt: string | null }> {
    const { name, number, at } = this.#source;
    if (number === null) throw new Error(`The source ${name} has no numbers.`);
    const { rows } = await sql<{ head: number | string | null; begun: string | null }>`
      select max(${sql.ref(`event.${number}`)}) as head, to_json(min(${sql.ref(`event.${at}`)}))#>>'{}' as begun
      from ${this.#table} as event
      where event.owner_id = ${owner} and ${this.#isStream(stream)}`.execute(db);
    return { head: Number(rows[0]?.head ?? 0), begunAt: rows[0]?.begun ?? null };
  }

  #isStream(stream: string): RawBuilder<boolean> {
    const type = this.#source.key[this.#source.stream] ?? "text";
    return sql`${sql.ref(`event.${this.#source.stream}`)} = ${stream}::text::${sql.raw(type)}`;
  }

  /**
   * Gives the rows of transactions that this cluster has not reached yet to an early one: they come from another cluster,
   * and must not seem new when this one reaches those numbers.
   */
  async resetFutureTransactions(db: Kysely<ProjectionTables>): Promise<void> {
    const key = orderOf("event", this.#key);
    for (;;) {
      const { rows } = await sql`
        update ${this.#table} as event set xid = ${FIRST_TRANSACTION}::xid8
        where (${key}) in (
          select ${key} from ${this.#table} as event where event.xid >= pg_snapshot_xmax(pg_current_snapshot())
          order by event.xid limit ${sql.lit(RESET_ROWS)})
        returning 1 as one`.execute(db);
      if (rows.length < RESET_ROWS) return;
    }
  }

  /** Whether there are rows that are not visible in the snapshot of the row `feed`, for a statement that selects from it. */
  hasNews(): RawBuilder<boolean> {
    return sql`(
      exists (select from ${this.#table} as event where event.xid >= pg_snapshot_xmax(feed.snapshot::pg_snapshot))
      or exists (
        select from pg_snapshot_xip(feed.snapshot::pg_snapshot) as late
        join ${this.#table} as event on event.xid = late))`;
  }

  /** Postgres' own estimate of the rows of the source, with all partitions. */
  async estimate(db: Kysely<ProjectionTables>, schema: string): Promise<number> {
    const { rows } = await sql<{ rows: string }>`
      select coalesce(sum(greatest(pg_class.reltuples, 0)), 0)::bigint::text as rows
      from pg_partition_tree(${`"${schema}"."${this.#source.table}"`}::text::regclass)
      join pg_class on pg_class.oid = relid where isleaf`.execute(db);
    return Number(rows[0]?.rows);
  }

  async #read(db: Kysely<ProjectionTables>, from: RawBuilder<unknown>, order: Order): Promise<readonly PageRow[]> {
    const place = sql.join(order.map(([name]) => sql`${sql.ref(`page.key_${name}`)}::text`));
    const { rows } = await sql<
      Omit<PageRow, "number" | "isOld"> & { readonly number: number | string | null; readonly old: string }
    >`select page.owner, page.stream, page.number, page.body, page.old,
        case when lead(1) over () is null then json_build_array(${place})::text end as place
      from ${from}`.execute(db);
    return rows.map(({ number, old, ...row }) => ({
      ...row,
      number: number === null ? null : Number(number),
      isOld: old === "true",
    }));
  }

  #selection(order: Order, retiredBefore: string | null): RawBuilder<unknown> {
    const { stream, number, body, at } = this.#source;
    const isOld = retiredBefore === null ? sql`false` : sql`${sql.ref(`event.${at}`)} < ${time(retiredBefore)}`;
    return sql`event.owner_id as owner, ${sql.ref(`event.${stream}`)}::text as stream,
      ${number === null ? sql`null::integer` : sql.ref(`event.${number}`)} as number,
      ${sql.raw(body)} as body, (${isOld})::text as old, ${orderColumns(order)}`;
  }

  #isWanted({ stream, ...request }: Pick<PageRequest, "bucket" | "buckets" | "stream">): RawBuilder<unknown> {
    if (stream === undefined) return inBucket(sql.ref(`event.${this.#source.stream}`), request);
    return sql`and event.owner_id = ${stream.owner} and ${this.#isStream(stream.stream)}`;
  }
}

interface StreamRequest {
  readonly owner: string;
  readonly stream: string;
  readonly applied: number;
  /** Null for all that there are. */
  readonly before: number | null;
  readonly limit: number;
  readonly retiredBefore: string | null;
}

type Order = readonly (readonly [name: string, type: string])[];

function orderOf(table: string, order: Order, prefix = ""): RawBuilder<unknown> {
  return sql.join(order.map(([name]) => sql.ref(`${table}.${prefix}${name}`)));
}

/** The columns of the order under names of their own, so that the union of two pages can be ordered too. */
function orderColumns(order: Order): RawBuilder<unknown> {
  return sql.join(order.map(([name]) => sql`${sql.ref(`event.${name}`)} as ${sql.ref(`key_${name}`)}`));
}

function isAfter(order: Order, after: string | null): RawBuilder<unknown> {
  if (after === null) return sql``;
  const place = placeOf(after);
  const values = order.map(([, type], index) => sql`${place[index]}::text::${sql.raw(type)}`);
  return sql`and (${orderOf("event", order)}) > (${sql.join(values)})`;
}

/** The columns of a place. It was written by `#selection`. */
export const placeOf = (after: string) => JSON.parse(after) as readonly string[];
