import { setTimeout } from "node:timers/promises";
import { SessionsError, type PushReply } from "@sessions/core/internal";
import type { OwnerConnections } from "../../postgres/connection/owner-connections.ts";
import { TurnTimedOutError } from "../../postgres/connection/keyed-queue.ts";
import { faultFrom } from "../../postgres/errors.ts";
import { RETRY_AFTER_MS } from "../commands/busy.ts";
import { RateLimitedError } from "../reads/limited-reads.ts";
import { TooManyReadsError } from "../reads/read-queue.ts";

/** How long a service waits in all while the server is busy, in milliseconds. */
const PATIENCE_MS = 10_000;

export interface ServiceCallsOptions {
  readonly ownerConnections: Pick<OwnerConnections, "run">;
  /** The calls that are not answered yet. */
  readonly inFlight: Set<Promise<unknown>>;
  readonly isClosed: () => boolean;
  /** Whether an owner is a visitor whom somebody has adopted. */
  readonly isAdopted: (owner: string) => Promise<boolean>;
  /** Waits so many milliseconds. Default: with a timer. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** Runs the calls of services: as owners' requests run, but with faults for a program in place of answers for a browser. */
export class ServiceCalls {
  readonly #options: ServiceCallsOptions;
  readonly #wait: (ms: number) => Promise<unknown>;

  constructor(options: ServiceCallsOptions) {
    this.#options = options;
    this.#wait = options.wait ?? ((ms) => setTimeout(ms));
  }

  /** Reads, and reads again for a while if too many reads wait. @throws {SessionsError} `overloaded` */
  async read<T>(owner: string, read: () => Promise<T>): Promise<T> {
    for (let waitedMs = 0; ; waitedMs += RETRY_AFTER_MS) {
      try {
        return await this.#run(owner, read);
      } catch (error) {
        if (!isOverload(error)) throw faultFrom(error, source);
        if (waitedMs >= PATIENCE_MS) {
          throw new SessionsError("overloaded", "Too many reads wait. Read again later.", { cause: error });
        }
        await this.#wait(RETRY_AFTER_MS);
      }
    }
  }

  /** Pushes one command, and pushes it again for a while if it is refused as `busy`. */
  async push(owner: string, push: () => Promise<PushReply>): Promise<PushReply> {
    for (let waitedMs = 0; ;) {
      const reply = await this.#run(owner, push).catch((error: unknown) => {
        throw faultFrom(error, source);
      });
      const [outcome] = reply.outcomes;
      const refusal = outcome?.status === "refused" ? outcome.refusal : null;
      if (refusal?.code !== "busy" || waitedMs >= PATIENCE_MS) return reply;
      const waitMs = Math.min(refusal.retryAfterMs, PATIENCE_MS - waitedMs);
      waitedMs += waitMs;
      await this.#wait(waitMs);
    }
  }

  /** Runs work of the owner, also if somebody has adopted them. */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    return this.#inFlight(owner, work).catch((error: unknown) => {
      throw faultFrom(error, source);
    });
  }

  #run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    return this.#inFlight(owner, async () => {
      const done = await work();
      // It is asked after the work: what was done before the adoption stands.
      if (await this.#options.isAdopted(owner)) {
        throw new SessionsError("visitor_adopted", "Ask for the sessions of the owner who has signed in.");
      }
      return done;
    });
  }

  async #inFlight<T>(owner: string, work: () => Promise<T>): Promise<T> {
    const { ownerConnections, inFlight, isClosed } = this.#options;
    if (isClosed()) throw new SessionsError("closed", "Try another node.");
    const running = ownerConnections.run(work, owner);
    inFlight.add(running);
    try {
      return await running;
    } finally {
      inFlight.delete(running);
    }
  }
}

function isOverload(error: unknown): boolean {
  return error instanceof RateLimitedError || error instanceof TooManyReadsError || error instanceof TurnTimedOutError;
}

const source = { where: "In a call of a service." };
