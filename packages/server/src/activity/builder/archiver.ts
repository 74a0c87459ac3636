import type { Kysely } from "kysely";
import type { Partitions } from "../../postgres/partitions.ts";
import type { SweepOptions } from "../../repeated-sweeps.ts";
import type { AnyActivity } from "../definition/define-activity.ts";
import { insertArchived, listDue, lockAllPieces, moveBuckets } from "../rows/archive.ts";
import { closeBefore, listDefinitions } from "../rows/definitions.ts";
import { isTooMuch, loadPending } from "../rows/feed-position.ts";
import { writePieces, type Piece } from "../rows/pieces.ts";
import type { ActivityTables } from "../rows/tables.ts";
import { runsOf, sessionsOf } from "../sessionizer/sessionize.ts";
import type { Span } from "../sessionizer/span.ts";

/** How many pieces are looked up at a time. */
const BATCH_SIZE = 500;
/** How much later than its recording an event may be built, in milliseconds, as the clocks of two nodes may differ. */
const SLACK_MS = 600_000;

interface ArchiverOptions {
  readonly db: Kysely<ActivityTables>;
  readonly schema: string;
  readonly partitions: Partitions;
  readonly now: () => number;
}

/** Moves activity sessions that can change no more to the archive. Any number of nodes may do it at once. */
export class Archiver {
  readonly #options: ArchiverOptions;

  constructor(options: ArchiverOptions) {
    this.#options = options;
  }

  /** Moves all that is due. Gives how many activity sessions it moved. */
  async sweep({ onProgress, signal }: SweepOptions = {}): Promise<number> {
    const { db, schema, now } = this.#options;
    const pending = await loadPending(db, schema);
    // While much waits, or all is built again, any activity session may still change.
    if (pending === null || isTooMuch(pending)) return 0;
    const builtMs = Math.min(now(), pending.oldestMs ?? Infinity) - SLACK_MS;
    let moved = 0;
    for (const activity of await listDefinitions(db, schema)) {
      const { name, latenessMs, rules } = activity;
      const closedMs = builtMs - latenessMs - rules.gapMs;
      await closeBefore(db, schema, name, closedMs);
      for (let full = true; full && !signal?.aborted;) {
        const owners = await listDue(db, schema, { activity: name, closedMs, limit: BATCH_SIZE });
        if (owners.length > 0) moved += await this.#move(activity, owners, closedMs);
        onProgress?.(moved);
        full = owners.length > 0;
      }
    }
    return moved;
  }

  /** Moves what is closed of some owners. What is not closed is looked at in a later sweep. */
  async #move({ name, rules }: AnyActivity, owners: readonly string[], closedMs: number): Promise<number> {
    const { db, schema, partitions } = this.#options;
    const ensured = new Set<string>();
    for (;;) {
      const missing = new Set<number>();
      const moved = await db.transaction().execute(async (tx) => {
        const pieces = await lockAllPieces(tx, schema, { activity: name, owners });
        const runs = [...Map.groupBy(pieces, ({ owner }) => owner)].flatMap(([owner, own]) =>
          runsOf(rules, own).map((run) => ({ owner, run })),
        );
        const [closed, sessions, open] = [[] as Piece[], [] as Piece[], [] as (Piece & { untilMs: number })[]];
        for (const { owner, run } of runs) {
          const untilMs = run.at(-1)!.lastMs;
          const as = (span: Span): Piece => ({ ...span, owner, activity: name });
          if (untilMs >= closedMs) {
            open.push(...run.map((span) => ({ ...as(span), untilMs })));
            continue;
          }
          closed.push(...run.map(as));
          sessions.push(...sessionsOf(rules, run).map(as));
        }
        for (const { startedMs } of sessions) {
          const month = new Date(startedMs).toISOString().slice(0, "2026-11".length);
          if (!ensured.has(month)) missing.add(startedMs);
          ensured.add(month);
        }
        if (missing.size > 0) return 0;
        await insertArchived(tx, schema, sessions);
        await writePieces(tx, schema, { removed: closed, changed: [], added: [] });
        await moveBuckets(tx, schema, open);
        return sessions.length;
      });
      if (missing.size === 0) return moved;
      // Partitions are not made within a transaction.
      for (const atMs of missing) await partitions.ensure(atMs);
    }
  }
}
