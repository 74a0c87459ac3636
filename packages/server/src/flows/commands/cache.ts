import { LRUCache } from "lru-cache";
import { jsonBytes } from "../../json-bytes.ts";
import type { StoredSession } from "../rows/stored-session.ts";

/**
 * Active sessions as this node last saw them. A cached session is used only as the base of a write, whose revision check
 * guards it. Every answer to a reader and every refusal comes from the database. An old entry costs a retry.
 */
export class SessionCache {
  readonly #sessions: LRUCache<string, StoredSession>;

  /** `bytes`: how much memory the entries may take, roughly. At 0 nothing fits. */
  constructor(bytes: number) {
    this.#sessions = new LRUCache({ maxSize: Math.max(1, bytes), sizeCalculation: sizeOf });
  }

  get(owner: string, session: string): StoredSession | undefined {
    return this.#sessions.get(keyOf(owner, session));
  }

  /** Caches a session as it is now. A session that has ended is dropped. */
  put(owner: string, stored: StoredSession): void {
    const key = keyOf(owner, stored.snapshot.id);
    if (stored.snapshot.status !== "active") this.#sessions.delete(key);
    else if ((this.#sessions.peek(key)?.snapshot.revision ?? 0) < stored.snapshot.revision)
      this.#sessions.set(key, stored);
  }

  /** Drops a session if its cached revision is older than this one. */
  dropOlder(owner: string, session: string, revision: number): void {
    const key = keyOf(owner, session);
    if ((this.#sessions.peek(key)?.snapshot.revision ?? revision) < revision) this.#sessions.delete(key);
  }

  /** Drops all sessions of an owner. */
  dropOwner(owner: string): void {
    for (const key of this.#sessions.keys()) if (key.slice(ID_LENGTH) === owner) this.#sessions.delete(key);
  }

  /** Drops all sessions: notices of changes may have been lost. */
  clear(): void {
    this.#sessions.clear();
  }
}

const ID_LENGTH = 36;

// An id has a fixed length, so the keys of two owners are never equal.
const keyOf = (owner: string, session: string) => `${session}${owner}`;

/** The memory of a session beside its values, and of the receipt of each history entry, in bytes, roughly. */
const SESSION_BYTES = 2_000;
const ENTRY_BYTES = 200;
/** The memory of a value, for each byte of its JSON, roughly: text may take two bytes for a character. */
const MEMORY_PER_BYTE = 3;

function sizeOf({ snapshot, hidden, lastEntry }: StoredSession): number {
  const bytes = jsonBytes(snapshot) + (Object.keys(hidden).length > 0 ? jsonBytes(hidden) : 0);
  return SESSION_BYTES + ENTRY_BYTES * lastEntry + MEMORY_PER_BYTE * bytes;
}
