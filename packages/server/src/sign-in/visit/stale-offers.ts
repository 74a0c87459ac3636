import { LRUCache } from "lru-cache";
import type { EndedNotice } from "../keeper/sign-in-keeper.ts";

/** How many sign-ins are remembered. Above it, the oldest change is forgotten. */
const MAX_REMEMBERED = 10_000;

/**
 * Tells which offers of a next token are stale: their sign-in got a token by a new proof, or ended, after they were made.
 * An answer must not hand out such a token: it would overwrite the newer cookie, in whatever order the answers arrive.
 */
export class StaleOffers {
  readonly #changes = new LRUCache<string, number>({ max: MAX_REMEMBERED });
  #count = 0;
  #everybody = 0;

  /** A number to compare with later changes. */
  get count(): number {
    return this.#count;
  }

  note(changed: EndedNotice): void {
    this.#count += 1;
    if (changed === "everybody") this.#everybody = this.#count;
    else this.#changes.set(keyOf(changed), this.#count);
  }

  /** Whether an offer that was made when `count` was this number is stale: its sign-in has changed since. */
  isStale(count: number, signIn: SignInKey): boolean {
    return Math.max(this.#everybody, this.#changes.get(keyOf(signIn)) ?? 0) > count;
  }
}

interface SignInKey {
  readonly owner: string;
  readonly publicId: string;
}

/** A public id has no space. */
const keyOf = ({ owner, publicId }: SignInKey) => `${publicId} ${owner}`;
