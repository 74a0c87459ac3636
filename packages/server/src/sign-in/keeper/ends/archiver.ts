import type { Transaction } from "kysely";
import { lockOwner } from "../../../postgres/owner.ts";
import { archiveSignIn } from "../../rows/archive.ts";
import { loadEpoch } from "../../rows/epoch.ts";
import { loadLive, lockAllLive, lockLive, type SignInKey } from "../../rows/live.ts";
import type { SignInWithHistoryHead } from "../../rows/stored-sign-in.ts";
import type { EndReason, SignInTables } from "../../rows/tables.ts";
import type { Invalidations } from "../cache/invalidations.ts";
import type { KeeperContext } from "../context.ts";
import { deadlineOf } from "../live-sign-in.ts";
import { transactWithRetries } from "../transactions/transaction.ts";

/** Why and when a sign-in ends. */
export interface EndDetails {
  readonly ending: EndReason;
  readonly atMs: number;
  readonly by?: string | null;
  readonly invalidates?: boolean;
}

/** What a transaction did: the sign-ins that it ended, and its result. */
export interface EndingWork<T> {
  readonly ended: readonly SignInWithHistoryHead[];
  readonly value: T;
}

/** All sign-ins of an owner, locked. */
export interface LockedSignIns {
  readonly live: readonly SignInWithHistoryHead[];
  /** Those that were past their deadline. They have been moved to the archive. */
  readonly gone: readonly SignInWithHistoryHead[];
  readonly epoch: number;
  readonly nowMs: number;
}

/**
 * Moves sign-ins to the archive, in transactions: the database first, then this node's cache, then the other nodes are
 * told.
 */
export class Archiver {
  readonly #context: KeeperContext;
  readonly #invalidations: Invalidations;

  constructor(context: KeeperContext, invalidations: Invalidations) {
    this.#context = context;
    this.#invalidations = invalidations;
  }

  /** Commits, then tells of the sign-ins that the work has ended. */
  async commit<T>(
    work: (tx: Transaction<SignInTables>, attempt: number) => Promise<EndingWork<T>>,
  ): Promise<{ readonly ended: readonly SignInWithHistoryHead[]; readonly value: T }> {
    const { db, schema } = this.#context;
    const lost: SignInWithHistoryHead[] = [];
    let last: readonly SignInWithHistoryHead[] = [];
    const { value } = await transactWithRetries(this.#context, async (tx, attempt) => {
      lost.push(...last);
      last = [];
      const done = await work(tx, attempt);
      last = done.ended;
      return done;
    });
    const ended = [...last];
    // An attempt whose outcome was not known may have moved rows that the last attempt did not find any more.
    for (const row of lost) {
      const isGone = (await loadLive(db.withSchema(schema), row.owner, row.id)) === null;
      if (isGone && !ended.some(({ id }) => id === row.id)) ended.push(row);
    }
    this.#invalidations.tell(ended.map(({ owner, id }) => ({ kind: "ended", owner, id })));
    return { ended, value };
  }

  /**
   * Locks an owner and all sign-ins, and ends those that are past their deadline. So nothing can touch them afterwards, and
   * what is left is what a limit counts.
   */
  async lockAll(tx: Transaction<SignInTables>, owner: string): Promise<LockedSignIns> {
    const { now, lifetime } = this.#context;
    await lockOwner(tx, owner, new Date(now()).toISOString());
    const rows = await lockAllLive(tx, owner);
    const epoch = await loadEpoch(tx);
    // The time is read after the locks, so that sign-ins are counted in the order in which they were decided.
    const nowMs = now();
    const lives = (row: SignInWithHistoryHead) => row.epoch >= epoch && deadlineOf(lifetime, row) > nowMs;
    const gone = rows.filter((row) => !lives(row));
    for (const row of gone) await this.move(tx, row, this.endOfDeadRow(row, nowMs));
    return { live: rows.filter(lives), gone, epoch, nowMs };
  }

  /** Ends a sign-in within a transaction, if it is live. Gives it if so. */
  async endWithin(
    tx: Transaction<SignInTables>,
    { owner, id }: SignInKey,
    cause: Pick<EndDetails, "ending" | "by">,
  ): Promise<SignInWithHistoryHead | null> {
    const row = await lockLive(tx, owner, id);
    const atMs = this.#context.now();
    if (row === null || !(await this.lives(tx, row, atMs))) return null;
    await this.move(tx, row, { ...cause, atMs });
    return row;
  }

  /** Moves a locked sign-in to the archive. */
  async move(tx: Transaction<SignInTables>, row: SignInWithHistoryHead, cause: EndDetails): Promise<void> {
    this.#context.partitions.require(cause.atMs);
    await archiveSignIn(tx, row, { by: null, invalidates: true, ...cause });
  }

  /** The end of a sign-in that is not live any more, although its row is still there. */
  endOfDeadRow(row: SignInWithHistoryHead, atMs: number): EndDetails {
    const endedMs = deadlineOf(this.#context.lifetime, row);
    // Ended with everybody's: other nodes know by the epoch.
    if (endedMs > atMs) return { ending: "revoked", atMs, invalidates: false };
    return { ending: "expired", atMs: endedMs, invalidates: false };
  }

  /** Whether a locked sign-in is live. */
  async lives(tx: Transaction<SignInTables>, row: SignInWithHistoryHead, atMs: number): Promise<boolean> {
    if (deadlineOf(this.#context.lifetime, row) <= atMs) return false;
    return row.epoch >= (await loadEpoch(tx));
  }
}
