import { LRUCache } from "lru-cache";

/** How long a used-up allowance takes to be whole again, in milliseconds. */
export const ALLOWANCE_MS = 15_000;

/** What the replies to one request may weigh for nothing, in bytes: a socket's own buffer holds it, read or not. */
const FREE_BYTES = 64 * 1024;

/**
 * What each owner may be told in a while, in bytes. What is sent on a connection that nobody reads stays in memory
 * until that connection is closed: the allowance bounds how much of it there can be.
 */
export class Allowance {
  readonly #bytes: number;
  readonly #now: () => number;
  readonly #owners = new LRUCache<string, { left: number; atMs: number }>({ max: 10_000 });
  /** What each request was told. A batch of many small replies is one large one. */
  readonly #told = new WeakMap<object, number>();

  /** `bytes`: in {@link ALLOWANCE_MS}. `now`: milliseconds since 1970. */
  constructor(bytes: number, now: () => number) {
    this.#bytes = bytes;
    this.#now = now;
  }

  /** How long an owner has to wait, in milliseconds; 0 when there is something left. */
  waitMs(owner: string): number {
    const left = this.#left(owner);
    return left > 0 ? 0 : Math.ceil(((1 - left) / this.#bytes) * ALLOWANCE_MS);
  }

  /**
   * Notes what an owner was told. `request`: what all replies of one request share, such as its context. A host may have
   * none: then nothing says which replies belong together, and each counts in full.
   */
  take(owner: string, bytes: number, request: unknown): void {
    const known = typeof request === "object" && request !== null ? request : undefined;
    const before = known ? (this.#told.get(known) ?? 0) : FREE_BYTES + 1;
    const told = before + bytes;
    if (known) this.#told.set(known, told);
    if (told <= FREE_BYTES) return;
    const counted = before <= FREE_BYTES ? told : bytes;
    this.#owners.set(owner, { left: this.#left(owner) - counted, atMs: this.#now() });
  }

  #left(owner: string): number {
    const known = this.#owners.get(owner);
    if (known === undefined) return this.#bytes;
    const sinceMs = Math.max(0, this.#now() - known.atMs);
    return Math.min(this.#bytes, known.left + (sinceMs / ALLOWANCE_MS) * this.#bytes);
  }
}
