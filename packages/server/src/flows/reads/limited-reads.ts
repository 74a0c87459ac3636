import type { Snapshot } from "@sessions/core/internal";
import { jsonBytes } from "../../json-bytes.ts";
import type { ReadQueue } from "./read-queue.ts";
import type { RunInTurn } from "./reader.ts";
import type { ReplyRateLimit } from "./reply-rate-limit.ts";

/** Thrown when an owner, or a request, has no bytes of replies left. */
export class RateLimitedError extends Error {
  override readonly name = "RateLimitedError";
}

/** Runs the reads of owners: each in its owner's turn, and within the rate limit of replies. */
export class LimitedReads {
  readonly #queue: ReadQueue;
  readonly #rateLimit: ReplyRateLimit;

  constructor(queue: ReadQueue, rateLimit: ReplyRateLimit) {
    this.#queue = queue;
    this.#rateLimit = rateLimit;
  }

  /** Runs work when it is the owner's turn. @throws {TooManyReadsError} */
  runInTurn<T>(owner: string, work: () => Promise<T>): Promise<T> {
    return this.#queue.run(owner, work);
  }

  /** Runs reads when it is the owner's turn, if the rate limit allows it. @throws {TooManyReadsError | RateLimitedError} */
  runnerFor(owner: string, request: unknown): RunInTurn {
    return (read) =>
      this.#queue.run(owner, async () => {
        if (this.#rateLimit.waitMs(owner, request) > 0) throw new RateLimitedError();
        return read();
      });
  }

  /** Reads for an owner. `snapshotsOf` gives the sessions of the result, which count against the rate limit. */
  async read<T>(
    owner: string,
    request: object,
    read: () => Promise<T>,
    snapshotsOf: (found: T) => readonly Snapshot[],
  ): Promise<T> {
    const found = await this.runnerFor(owner, request)(read);
    this.count(owner, request, snapshotsOf(found));
    return found;
  }

  /** Counts sessions that are about to be sent. The host keeps all replies of a request until the last one is ready. @throws {RateLimitedError} */
  count(owner: string, request: unknown, snapshots: readonly Snapshot[]): void {
    const bytes = snapshotBytes(snapshots);
    if (!this.#rateLimit.hasRoom(request, bytes)) throw new RateLimitedError();
    this.#rateLimit.count(owner, bytes, request);
  }
}

/** The size of sessions as JSON, in bytes. */
export function snapshotBytes(snapshots: readonly Snapshot[]): number {
  return snapshots.reduce((sum, each) => sum + jsonBytes(each), 0);
}
