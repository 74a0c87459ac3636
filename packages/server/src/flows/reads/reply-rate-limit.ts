import { LRUCache } from "lru-cache";

/** The time in which an owner may be sent the full number of bytes, in milliseconds. */
export const REFILL_MS = 15_000;

/** How many bytes the replies to one request may have before they count. The buffer of a socket holds them anyway. */
const FREE_BYTES = 64 * 1024;

/** When a client may ask again if its request has no room for more replies, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * Limits how many bytes of replies each owner gets in a while (a token bucket), and each request in all. A client may
 * not read its connection. Then the replies stay in memory until the connection is closed, and this limit bounds them.
 */
export class ReplyRateLimit {
  readonly #bytes: number;
  readonly #now: () => number;
  readonly #owners = new LRUCache<string, { left: number; atMs: number }>({ max: 10_000 });
  /** How many bytes each request got. A batch of many small replies counts as one large reply. */
  readonly #sent = new WeakMap<object, number>();
  readonly #requestBytes: number;
  /** The requests that are being answered. A host writes all replies of a request as one text, and does nothing else meanwhile. */
  readonly #open = new WeakMap<object, { calls: number; bytes: number }>();

  /** `bytes`: for an owner, in {@link REFILL_MS}. `now`: milliseconds since 1970. `requestBytes`: for one request. */
  constructor(bytes: number, now: () => number, requestBytes = Infinity) {
    this.#bytes = bytes;
    this.#now = now;
    this.#requestBytes = requestBytes;
  }

  /** Answers one call of a request. All calls of the request share its bytes. */
  async answer<T>(request: unknown, work: () => Promise<T>): Promise<T> {
    if (!isObject(request)) return work();
    const all = this.#open.get(request) ?? { calls: 0, bytes: 0 };
    this.#open.set(request, all);
    all.calls += 1;
    try {
      return await work();
    } finally {
      all.calls -= 1;
      if (all.calls === 0) this.#open.delete(request);
    }
  }

  /** Whether a request has room for another reply of so many bytes. The first reply always has room. */
  hasRoom(request: unknown, bytes = 1): boolean {
    const before = (isObject(request) && this.#open.get(request)?.bytes) || 0;
    return before === 0 || before + bytes <= this.#requestBytes;
  }

  /** How long an owner has to wait, in milliseconds; 0 when the owner and the request have bytes left. */
  waitMs(owner: string, request?: unknown): number {
    if (!this.hasRoom(request)) return RETRY_MS;
    const left = this.#left(owner);
    return left > 0 ? 0 : Math.ceil(((1 - left) / this.#bytes) * REFILL_MS);
  }

  /**
   * Counts bytes that are sent to an owner. `request` is an object that all replies of one request share, such as its
   * context. Some hosts have none. Then each reply counts in full.
   */
  count(owner: string, bytes: number, request: unknown): void {
    const known = isObject(request) ? request : undefined;
    const all = known && this.#open.get(known);
    if (all) all.bytes += bytes;
    const before = known ? (this.#sent.get(known) ?? 0) : FREE_BYTES + 1;
    const sent = before + bytes;
    if (known) this.#sent.set(known, sent);
    if (sent <= FREE_BYTES) return;
    this.#subtract(owner, before <= FREE_BYTES ? sent : bytes);
  }

  /** Counts a reply that shares its request with no other reply, such as an event of a stream. */
  countAlone(owner: string, bytes: number): void {
    if (bytes > FREE_BYTES) this.#subtract(owner, bytes);
  }

  #subtract(owner: string, bytes: number): void {
    this.#owners.set(owner, { left: this.#left(owner) - bytes, atMs: this.#now() });
  }

  #left(owner: string): number {
    const known = this.#owners.get(owner);
    if (known === undefined) return this.#bytes;
    const sinceMs = Math.max(0, this.#now() - known.atMs);
    return Math.min(this.#bytes, known.left + (sinceMs / REFILL_MS) * this.#bytes);
  }
}

function isObject(request: unknown): request is object {
  return typeof request === "object" && request !== null;
}
