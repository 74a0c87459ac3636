import { LRUCache } from "lru-cache";

/** How long a used-up allowance takes to be whole again, in milliseconds. */
export const ALLOWANCE_MS = 15_000;

/** What the replies to one request may weigh for nothing, in bytes: a socket's own buffer holds it, read or not. */
const FREE_BYTES = 64 * 1024;

/** When what a request had no room for may be asked again, in milliseconds. */
const AGAIN_MS = 1_000;

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
  readonly #requestBytes: number;
  /** What is being answered together. The host writes the replies as one text, and does nothing else meanwhile. */
  readonly #together = new WeakMap<object, { calls: number; bytes: number }>();

  /** `bytes`: in {@link ALLOWANCE_MS}. `now`: milliseconds since 1970. `requestBytes`: in the replies to one request. */
  constructor(bytes: number, now: () => number, requestBytes = Infinity) {
    this.#bytes = bytes;
    this.#now = now;
    this.#requestBytes = requestBytes;
  }

  /** Answers one call of a request, together with its others. */
  async together<T>(request: unknown, answer: () => Promise<T>): Promise<T> {
    if (!isObject(request)) return answer();
    const all = this.#together.get(request) ?? { calls: 0, bytes: 0 };
    this.#together.set(request, all);
    all.calls += 1;
    try {
      return await answer();
    } finally {
      all.calls -= 1;
      if (all.calls === 0) this.#together.delete(request);
    }
  }

  /** Whether the replies to a request may have so many bytes more: the first always may. */
  hasRoom(request: unknown, bytes = 1): boolean {
    const before = (isObject(request) && this.#together.get(request)?.bytes) || 0;
    return before === 0 || before + bytes <= this.#requestBytes;
  }

  /** How long an owner has to wait, in milliseconds; 0 when there is something left, and room in the request's replies. */
  waitMs(owner: string, request?: unknown): number {
    if (!this.hasRoom(request)) return AGAIN_MS;
    const left = this.#left(owner);
    return left > 0 ? 0 : Math.ceil(((1 - left) / this.#bytes) * ALLOWANCE_MS);
  }

  /**
   * Notes what an owner was told. `request`: what all replies of one request share, such as its context. A host may have
   * none: then nothing says which replies belong together, and each counts in full.
   */
  take(owner: string, bytes: number, request: unknown): void {
    const known = isObject(request) ? request : undefined;
    const all = known && this.#together.get(known);
    if (all) all.bytes += bytes;
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

function isObject(request: unknown): request is object {
  return typeof request === "object" && request !== null;
}
