import { LRUCache } from "lru-cache";
import type { StoredSignIn } from "../../rows/stored-sign-in.ts";

/** How many changes are remembered. A read that began before a change ends within seconds. */
const MAX_CHANGES = 50_000;

/**
 * The changes of sign-ins that this node has heard of. A read that began before a change must not bring the state before
 * it back into the cache. An id never returns once its sign-in has ended.
 */
export class KnownChanges {
  /** The oldest revision that is still valid, by public id; infinite for a sign-in that has ended. */
  readonly #revisions = new LRUCache<string, number>({ max: MAX_CHANGES });
  /** How often the sign-ins of everybody have been ended, as far as this node knows. */
  epoch = 0;
  /** When this node heard the last time that they were, in milliseconds since 1970. */
  epochHeardMs = 0;

  /** Notes that the states before this revision are wrong. False if that was known. */
  note(id: string, revision: number): boolean {
    const known = this.#revisions.get(id);
    if (known !== undefined && known >= revision) return false;
    this.#revisions.set(id, revision);
    return true;
  }

  hasEnded(id: string): boolean {
    return this.#revisions.peek(id) === Infinity;
  }

  /** Whether a later revision than this one is known, or the end. */
  isOlder(id: string, revision: number): boolean {
    return revision < (this.#revisions.peek(id) ?? 0);
  }

  /** Whether a state that was read is not known to be wrong. */
  allows({ id, rotation, epoch }: StoredSignIn): boolean {
    return epoch >= this.epoch && !this.isOlder(id, rotation.revision);
  }
}
