import { LRUCache } from "lru-cache";
import type { Json } from "@sessions/core";
import type { Stored } from "../rows/stored.ts";

/**
 * Active sessions as this node last saw them. Only ever the base of a write, which its revision check guards;
 * what is answered to a reader, and every refusal, comes from the database. A stale entry costs a retry.
 */
export class SessionCache {
  readonly #sessions: LRUCache<string, Stored>;

  /** `bytes`: how much memory the entries may take, roughly. */
  constructor(bytes: number) {
    this.#sessions = new LRUCache({ maxSize: bytes, sizeCalculation: sizeOf });
  }

  get(owner: string, session: string): Stored | undefined {
    return this.#sessions.get(keyOf(owner, session));
  }

  /** Notes a session as it is now; one that has ended is let go. */
  put(owner: string, stored: Stored): void {
    const key = keyOf(owner, stored.snapshot.id);
    if (stored.snapshot.status !== "active") this.#sessions.delete(key);
    else if ((this.#sessions.peek(key)?.snapshot.revision ?? 0) < stored.snapshot.revision)
      this.#sessions.set(key, stored);
  }

  /** Lets go of a session that is at this revision elsewhere, unless that is known here. */
  dropOlder(owner: string, session: string, revision: number): void {
    const key = keyOf(owner, session);
    if ((this.#sessions.peek(key)?.snapshot.revision ?? revision) < revision) this.#sessions.delete(key);
  }

  /** Lets go of everything: what happened meanwhile is not known. */
  clear(): void {
    this.#sessions.clear();
  }
}

// An id has a fixed length, so no owner can be spelled to look like another's key.
const keyOf = (owner: string, session: string) => `${session}${owner}`;

/** What a session takes beside its values, and what each history entry's receipt takes, in bytes, roughly. */
const SESSION_BYTES = 2_000;
const ENTRY_BYTES = 200;

function sizeOf({ snapshot, entry }: Stored): number {
  const { data, outputs, submissions, drafts } = snapshot;
  return SESSION_BYTES + ENTRY_BYTES * entry + weigh(data) + weigh(outputs) + weigh(submissions) + weigh(drafts);
}

/** Text takes up to two bytes a character; a field or item its slot and what wraps it. Cheaper than writing it out. */
function weigh(value: Json | undefined): number {
  if (typeof value === "string") return 16 + 2 * value.length;
  if (typeof value !== "object" || value === null) return 8;
  let bytes = 32;
  for (const part of Object.values(value)) bytes += 16 + weigh(part);
  return bytes;
}
