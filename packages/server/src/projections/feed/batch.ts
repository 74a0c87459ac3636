import type { Transaction } from "kysely";
import { setStatementTimeouts } from "../../postgres/statement-timeouts.ts";
import { withTimeLimit } from "../../time-limit.ts";
import { HandlerFailure, isOutage, LeaseLostError } from "./handler-failure.ts";
import type { ProjectionWork } from "../projection-work.ts";
import { buildTable, loadLive } from "../rows/builds.ts";
import { moveFeed, type Feed, type FeedPosition, type Position } from "../rows/feeds.ts";
import { moveProgress, streamKey, type ProgressMove } from "../rows/progress.ts";
import { placeOf, type PageRow } from "../rows/source-pages.ts";
import type { ProjectionTables } from "../rows/tables.ts";
import { listWaiting } from "../rows/waiting-streams.ts";
import { nextOfStreams } from "./stream-rows.ts";

/** Applies rows in a transaction, together with the progress of their streams and the position of the feed. */
export class BatchWriter {
  readonly #options: ProjectionWork;

  constructor(options: ProjectionWork) {
    this.#options = options;
  }

  /**
   * Runs a transaction that commits only if this node still has the lease, and moves the feed to a position.
   *
   * @throws {LeaseLostError} when another node has it.
   */
  async fenced<T>(
    feed: Feed,
    position: FeedPosition,
    work: (tx: Transaction<ProjectionTables>) => Promise<T>,
  ): Promise<T> {
    const { db, schema, projection, now } = this.#options;
    return db.transaction().execute(async (tx) => {
      await setStatementTimeouts(tx, projection.handlerMs);
      const result = await work(tx);
      if (!(await moveFeed(tx.withSchema(schema), feed, position, now()))) throw new LeaseLostError();
      return result;
    });
  }

  /**
   * Applies rows and moves the feed. A stream that waits is left out, and a row that was applied before.
   *
   * @throws {HandlerFailure} when a handler threw. Then nothing has happened.
   * @throws {LeaseLostError} when another node has the lease.
   */
  async apply(feed: Feed, rows: readonly PageRow[], position: FeedPosition): Promise<void> {
    await this.fenced(feed, position, (tx) => this.applyIn(tx, feed, rows));
  }

  /** Runs a transaction that is always rolled back. */
  async tryOut(work: (tx: Transaction<ProjectionTables>) => Promise<void>): Promise<void> {
    const { db, projection } = this.#options;
    const isDone = new Error("It is rolled back.");
    await db
      .transaction()
      .execute(async (tx) => {
        await setStatementTimeouts(tx, projection.handlerMs);
        await work(tx);
        throw isDone;
      })
      .catch((error: unknown) => {
        if (error !== isDone) throw error;
      });
  }

  /** Applies rows in a transaction. */
  async applyIn(tx: Transaction<ProjectionTables>, feed: Feed, rows: readonly PageRow[]): Promise<void> {
    const { schema, projection, pages } = this.#options;
    if (projection.source.number === null) {
      const waiting = await listWaiting(tx.withSchema(schema), feed);
      return this.handle(
        tx,
        feed,
        waiting.size === 0 ? rows : rows.filter((row) => !waiting.has(streamKey(row))),
        feed,
      );
    }
    const streams = await nextOfStreams(tx, schema, feed, pages, rows);
    await this.handleStreams(tx, feed, streams);
  }

  /** Applies the next rows of streams, in a transaction that was begun by {@link fenced}. */
  async handleStreams(
    tx: Transaction<ProjectionTables>,
    feed: Feed,
    streams: Awaited<ReturnType<typeof nextOfStreams>>,
  ): Promise<void> {
    await this.handle(
      tx,
      feed,
      streams.flatMap((stream) => stream.rows),
      feed,
    );
    const { schema, projection, now } = this.#options;
    const moves = streams.map(({ owner, stream, from, rows }): ProgressMove => {
      const last = rows.at(-1)!;
      return { owner, stream, from, applied: last.number!, ended: projection.source.isLast?.(last) ?? false };
    });
    if (!(await moveProgress(tx, schema, feed, moves, now()))) throw new LeaseLostError();
  }

  /** Gives rows to the handler, which were read from a position, in a transaction that was begun by {@link fenced}. */
  async handle(
    tx: Transaction<ProjectionTables>,
    feed: Feed,
    rows: readonly PageRow[],
    { scanning, after }: Position,
  ): Promise<void> {
    const { name, source, handlerMs, tables, begins, ...projection } = this.#options.projection;
    const isMarking = begins === "now" && feed.isNew;
    const entries: unknown[] = [];
    for (const row of isMarking ? [] : rows) {
      const entry = await source.read(row);
      if (entry !== null) entries.push(entry);
    }
    if (entries.length === 0) return;
    const isLive = tables === undefined || (await this.#isLive(tx, feed));
    const table = <Name extends string>(given: Name) => this.#tableName(given, feed, isLive);
    const failed = (cause: unknown) => new HandlerFailure(`Projection ${name}: its handler threw.`, { cause });
    const late = () => {
      throw failed(new Error(`It was not done within ${handlerMs} ms.`));
    };
    const work = async () => {
      try {
        await projection.apply(entries, { tx, table, scan: scanning ? { after: after && placeOf(after) } : null });
      } catch (cause) {
        throw isOutage(cause) ? cause : failed(cause);
      }
    };
    await withTimeLimit(handlerMs, work(), late);
  }

  /** Whether the tables of this build have the names that the application reads. It stays so until the transaction ends. */
  async #isLive(tx: Transaction<ProjectionTables>, { projection, build }: Feed): Promise<boolean> {
    const live = await loadLive(tx.withSchema(this.#options.schema), projection);
    if (live > build) throw new LeaseLostError();
    return live === build;
  }

  #tableName<Name extends string>(name: Name, { projection, build }: Feed, isLive: boolean): Name {
    if (!Object.hasOwn(this.#options.projection.tables ?? {}, name)) {
      throw new Error(`Projection ${projection} has no table of this name in \`tables\`.`);
    }
    // A handler writes the name into its statements, and it has the same columns under each of its names.
    return (isLive ? name : buildTable(name, build)) as Name;
  }
}
