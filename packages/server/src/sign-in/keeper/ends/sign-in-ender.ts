import type { Transaction } from "kysely";
import { forEachConcurrently } from "../../../concurrency.ts";
import { raiseEpoch, raiseEpochOfEverybody } from "../../rows/epoch.ts";
import { listOwnersBefore, loadLive, lockAllLive, lockLive, type SignInKey } from "../../rows/live.ts";
import type { SignInWithHistoryHead } from "../../rows/stored-sign-in.ts";
import type { EndReason, SignInTables } from "../../rows/tables.ts";
import { judgeToken } from "../../token/rotation.ts";
import type { Token } from "../../token/token.ts";
import type { Archiver } from "./archiver.ts";
import type { Invalidations } from "../cache/invalidations.ts";
import type { KeeperContext } from "../context.ts";
import { inOwnerTurn, transactWithRetries } from "../transactions/transaction.ts";

/** How many owners are looked up at a time, and worked on at once, when everybody's sign-ins end. */
const OWNERS_PAGE = 500;
const CONCURRENT_OWNERS = 2;

/** Ends sign-ins, each for its cause. */
export class SignInEnder {
  readonly #context: KeeperContext;
  readonly #invalidations: Invalidations;
  readonly #archiver: Archiver;

  constructor(context: KeeperContext, invalidations: Invalidations, archiver: Archiver) {
    this.#context = context;
    this.#invalidations = invalidations;
    this.#archiver = archiver;
  }

  /** Ends one. False if the owner has no such live one, or if the one from which it is ended is not live itself. */
  async end(owner: string, id: string, ending: EndReason, by: string | null): Promise<boolean> {
    let moved = false;
    const ended = await this.#commit(async (tx) => {
      if (by !== null && by !== id && !(await this.#isLive(tx, owner, by))) return [];
      const row = await lockLive(tx, owner, id);
      if (row === null) return [];
      const atMs = this.#context.now();
      const isLive = await this.#archiver.lives(tx, row, atMs);
      await this.#archiver.move(tx, row, isLive ? { ending, atMs, by } : this.#archiver.endOfDeadRow(row, atMs));
      moved = isLive;
      return [row];
    });
    return ended.length > 0 && moved;
  }

  /** Ends the sign-in of a token that was replaced too long ago. False if the row says otherwise by now. */
  async endReused(owner: string, id: string, token: Token): Promise<boolean> {
    const ended = await this.#commit(async (tx) => {
      const row = await lockLive(tx, owner, id);
      const atMs = this.#context.now();
      if (row === null || judgeToken(row.rotation, token, atMs, this.#context).kind !== "reused") return [];
      await this.#archiver.move(tx, row, { ending: "secret_reused", atMs });
      return [row];
    });
    return ended.length > 0;
  }

  /** Ends a sign-in whose deadline has passed. False if it has another deadline now. */
  async endExpired({ owner, id }: SignInKey): Promise<boolean> {
    const ended = await this.#commit(async (tx) => {
      const row = await lockLive(tx, owner, id);
      const atMs = this.#context.now();
      if (row === null || (await this.#archiver.lives(tx, row, atMs))) return [];
      await this.#archiver.move(tx, row, this.#archiver.endOfDeadRow(row, atMs));
      return [row];
    });
    return ended.length > 0;
  }

  /** Ends all of an owner, but `but`, which must be live itself. Gives how many. */
  async endOthers(owner: string, but: string): Promise<number> {
    return this.#endAllOf(owner, (rows) => {
      const others = rows.filter(({ id }) => id !== but);
      return others.length < rows.length ? others.map((row) => [row, but] as const) : [];
    });
  }

  async endAll(owner: string): Promise<number> {
    return this.#endAllOf(owner, (rows) => rows.map((row) => [row, null] as const), raiseEpoch);
  }

  /** Ends those of everybody: at once by the epoch, and then row by row. Gives how many rows. */
  async endEverybody(onProgress: (ended: number) => void = () => {}): Promise<number> {
    const { db, schema, now } = this.#context;
    // An attempt whose outcome is not known may have raised it too. That ends nobody else.
    const epoch = await transactWithRetries(this.#context, (tx) => raiseEpochOfEverybody(tx, now()));
    this.#invalidations.tell([{ kind: "everybody", epoch }]);
    let ended = 0;
    for (let after = ""; ;) {
      const owners = await listOwnersBefore(db.withSchema(schema), epoch, { after, limit: OWNERS_PAGE });
      await forEachConcurrently(owners, CONCURRENT_OWNERS, async (owner) => {
        const moved = await this.#moveBefore(owner, epoch);
        ended += moved;
      });
      if (owners.length > 0) onProgress(ended);
      const last = owners.at(-1);
      if (last === undefined || owners.length < OWNERS_PAGE) return ended;
      after = last;
    }
  }

  async #isLive(tx: Transaction<SignInTables>, owner: string, id: string): Promise<boolean> {
    const row = await loadLive(tx, owner, id);
    return row !== null && this.#archiver.lives(tx, row, this.#context.now());
  }

  async #endAllOf(
    owner: string,
    choose: (live: readonly SignInWithHistoryHead[]) => readonly (readonly [SignInWithHistoryHead, string | null])[],
    also?: (tx: Transaction<SignInTables>, owner: string) => Promise<void>,
  ): Promise<number> {
    let most = 0;
    await inOwnerTurn(this.#context, owner, () =>
      this.#commit(async (tx) => {
        const { live, gone } = await this.#archiver.lockAll(tx, owner);
        await also?.(tx, owner);
        const chosen = choose(live);
        const atMs = this.#context.now();
        for (const [row, by] of chosen) await this.#archiver.move(tx, row, { ending: "revoked", atMs, by });
        most = Math.max(most, chosen.length);
        return [...gone, ...chosen.map(([row]) => row)];
      }),
    );
    return most;
  }

  /** Moves the rows of an owner that ended with everybody's. */
  async #moveBefore(owner: string, epoch: number): Promise<number> {
    const { now } = this.#context;
    let most = 0;
    await inOwnerTurn(this.#context, owner, () =>
      transactWithRetries(this.#context, async (tx) => {
        const rows = (await lockAllLive(tx, owner)).filter((row) => row.epoch < epoch);
        const atMs = now();
        for (const row of rows) await this.#archiver.move(tx, row, this.#archiver.endOfDeadRow(row, atMs));
        most = Math.max(most, rows.length);
      }),
    );
    return most;
  }

  /** Commits work that only ends sign-ins, and gives those. */
  async #commit(
    work: (tx: Transaction<SignInTables>) => Promise<readonly SignInWithHistoryHead[]>,
  ): Promise<readonly SignInWithHistoryHead[]> {
    const { ended } = await this.#archiver.commit(async (tx) => ({ ended: await work(tx), value: null }));
    return ended;
  }
}
