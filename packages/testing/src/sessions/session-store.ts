import { expireIfDue, type Snapshot } from "@sessions/core/internal";
import { nextStored, type StoredSession } from "./stored-session.ts";

/** Called with the session after each change. */
export type Publish = (owner: string, snapshot: Snapshot) => void;

/** All owners' sessions, in memory. */
export class SessionStore {
  readonly #owners = new Map<string, Map<string, StoredSession>>();
  readonly #now: () => number;
  readonly #publish: Publish;

  constructor(now: () => number, publish: Publish) {
    this.#now = now;
    this.#publish = publish;
  }

  /** A session as it was left. Its deadline may have passed. */
  load(owner: string, session: string): StoredSession | null {
    return this.#owners.get(owner)?.get(session) ?? null;
  }

  put(owner: string, stored: StoredSession): void {
    this.keep(owner, stored);
    this.#publish(owner, stored.snapshot);
  }

  /** Like `put`, and tells nobody. */
  keep(owner: string, stored: StoredSession): void {
    const sessions = this.#owners.get(owner) ?? new Map<string, StoredSession>();
    this.#owners.set(owner, sessions.set(stored.snapshot.id, stored));
  }

  /** A session as it may be shown now. If its deadline has passed, it is ended first. */
  current(owner: string, session: string): StoredSession | null {
    const stored = this.load(owner, session);
    const snapshot = stored && expireIfDue(stored.snapshot, this.#now());
    if (snapshot === null || snapshot === stored?.snapshot) return stored;
    const ended = nextStored(stored, snapshot, { kind: "end", status: "expired" }, null);
    this.put(owner, ended);
    return ended;
  }

  /** All of an owner's sessions, as they were left. */
  all(owner: string): StoredSession[] {
    return [...(this.#owners.get(owner)?.values() ?? [])];
  }

  owners(): string[] {
    return [...this.#owners.keys()];
  }

  /** Ends each session whose deadline has passed. */
  sweep(): void {
    for (const owner of this.owners()) for (const { snapshot } of this.all(owner)) this.current(owner, snapshot.id);
  }
}
