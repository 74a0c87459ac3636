import type { Kysely } from "kysely";
import { adoptFaults } from "../rows/faults.ts";
import type { Feed } from "../rows/feeds.ts";
import { adoptProgress, loadProgress, streamKey, type StreamKey } from "../rows/progress.ts";
import type { PageRow, SourcePages } from "../rows/source-pages.ts";
import type { ProjectionTables } from "../rows/tables.ts";

/** The rows of a stream that are to be applied next, in the order of their numbers. There is at least one. */
export interface StreamRows extends StreamKey {
  /** The number that was applied last; 0 if none was. */
  readonly from: number;
  readonly rows: readonly PageRow[];
}

/** The longest gap that is filled at once. */
const GAP_ROWS = 100_000;

/**
 * What is to be applied of the rows of a page, by stream. Rows that were applied before are left out, and those of streams
 * that wait. Rows that come later in the same batch are read already if they belong before these: a transaction with an
 * earlier id may have committed after another one.
 */
export async function nextOfStreams(
  tx: Kysely<ProjectionTables>,
  schema: string,
  build: Pick<Feed, "projection" | "build" | "retiredBefore">,
  pages: SourcePages,
  rows: readonly PageRow[],
): Promise<readonly StreamRows[]> {
  const streams = byStream(rows);
  const known = await loadProgress(tx, schema, build, streams);
  const unknown = streams.filter((stream) => !known.has(streamKey(stream)));
  const adopted = await adoptProgress(tx, schema, build, unknown);
  for (const stream of adopted.values()) {
    if (stream.waiting) await adoptFaults(tx.withSchema(schema), build, stream);
  }
  const next: StreamRows[] = [];
  for (const { owner, stream, rows: found } of streams) {
    const key = streamKey({ owner, stream });
    const progress = known.get(key) ?? adopted.get(key);
    const { applied: from = 0, waiting = false } = progress ?? {};
    const fresh = found.filter(({ number }) => number! > from);
    const [first] = fresh;
    if (waiting || first === undefined) continue;
    const { retiredBefore } = build;
    const gap = { owner, stream, applied: from, before: first.number, limit: GAP_ROWS, retiredBefore };
    // Numbers that are in no row any more were dropped with their month.
    const missing = first.number === from + 1 ? [] : await pages.rowsOfStream(tx, gap);
    const unapplied = [...missing, ...fresh];
    // All of it was applied, and its progress was deleted: it is read again because an owner has adopted it, or in another cluster.
    if (progress === undefined && unapplied[0]!.isOld) continue;
    next.push({ owner, stream, from, rows: unapplied });
  }
  return next;
}

/** The rows of each stream in their order. A row that is there twice counts once. */
function byStream(rows: readonly PageRow[]): readonly (StreamKey & { readonly rows: readonly PageRow[] })[] {
  const streams = new Map<string, StreamKey & { readonly rows: PageRow[] }>();
  for (const row of rows) {
    const key = streamKey(row);
    const { owner, stream } = row;
    if (!streams.has(key)) streams.set(key, { owner, stream, rows: [] });
    streams.get(key)!.rows.push(row);
  }
  return [...streams.values()].map((stream) => ({
    ...stream,
    rows: stream.rows.toSorted((one, other) => one.number! - other.number!),
  }));
}
