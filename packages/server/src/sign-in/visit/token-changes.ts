import { LRUCache } from "lru-cache";
import type { Ended } from "../keeper/sign-in-keeper.ts";

/** How many sign-ins are remembered. Above it, the oldest change is forgotten. */
const MAX_REMEMBERED = 10_000;

/**
 * The sign-ins that got a token by a new proof, or ended, a moment ago. An answer that was begun before must not hand out
 * the next token of the chain before: it would overwrite the newer cookie, in whatever order the answers arrive.
 */
export class TokenChanges {
  readonly #changes = new LRUCache<string, number>({ max: MAX_REMEMBERED });
  #count = 0;
  #everybody = 0;

  /** A number to compare with later changes. */
  get count(): number {
    return this.#count;
  }

  note(changed: Ended): void {
    this.#count += 1;
    if (changed === "everybody") this.#everybody = this.#count;
    else this.#changes.set(keyOf(changed), this.#count);
  }

  /** Whether a sign-in has changed since `count` was this number. */
  isAfter(count: number, signIn: SignInKey): boolean {
    return Math.max(this.#everybody, this.#changes.get(keyOf(signIn)) ?? 0) > count;
  }
}

interface SignInKey {
  readonly owner: string;
  readonly publicId: string;
}

/** A public id has no space. */
const keyOf = ({ owner, publicId }: SignInKey) => `${publicId} ${owner}`;
