import type { Snapshot } from "@sessions/core";

/** Every watcher of this node, by owner. */
export class WatchHub {
  readonly #inboxes = new Map<string, Set<Inbox>>();
  #size = 0;
  #closed = false;

  /** Attaches a watcher that has these revisions. What is published from now on waits in its inbox. */
  join(owner: string, known: Readonly<Record<string, number>>): Inbox {
    const inbox = new Inbox(known, () => this.#leave(owner, inbox));
    const inboxes = this.#inboxes.get(owner) ?? new Set();
    this.#inboxes.set(owner, inboxes.add(inbox));
    this.#size += 1;
    if (this.#closed) inbox.close();
    return inbox;
  }

  publish(owner: string, snapshot: Snapshot): void {
    for (const inbox of this.#inboxes.get(owner) ?? []) inbox.put(snapshot);
  }

  /** Whether a watcher of this owner lacks this revision. */
  wants(owner: string, session: string, revision: number): boolean {
    for (const inbox of this.#inboxes.get(owner) ?? []) if (inbox.lacks(session, revision)) return true;
    return false;
  }

  /** The owners who have watchers here. */
  owners(): readonly string[] {
    return [...this.#inboxes.keys()];
  }

  /** The revision of each active session that all of an owner's watchers have. */
  known(owner: string): Readonly<Record<string, number>> {
    const inboxes = [...(this.#inboxes.get(owner) ?? [])];
    const ids = new Set(inboxes.flatMap((inbox) => inbox.sessions()));
    return Object.fromEntries([...ids].map((id) => [id, Math.min(...inboxes.map((inbox) => inbox.revisionOf(id)))]));
  }

  /** How many watchers are attached. */
  get size(): number {
    return this.#size;
  }

  /** Ends every stream, and each that is still to come. */
  close(): void {
    this.#closed = true;
    for (const inboxes of this.#inboxes.values()) {
      for (const inbox of inboxes) inbox.close();
    }
  }

  #leave(owner: string, inbox: Inbox): void {
    const inboxes = this.#inboxes.get(owner);
    if (!inboxes?.delete(inbox)) return;
    this.#size -= 1;
    if (inboxes.size === 0) this.#inboxes.delete(owner);
  }
}

/** What a watcher has yet to be sent: the newest snapshot of each session, so that a slow reader costs no more. */
export class Inbox {
  /** Detaches it from the hub. */
  readonly leave: () => void;
  /** The newest revision of each active session that was put in or was known from the start. */
  readonly #revisions: Map<string, number>;
  /** The sessions whose end was put in: nothing comes after it. */
  readonly #ended = new Set<string>();
  readonly #waiting = new Map<string, Snapshot>();
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(known: Readonly<Record<string, number>>, leave: () => void) {
    this.#revisions = new Map(Object.entries(known));
    this.leave = leave;
  }

  lacks(session: string, revision: number): boolean {
    return revision > this.revisionOf(session) && !this.#ended.has(session);
  }

  /** The newest revision that it has, 0 for none. */
  revisionOf(session: string): number {
    return this.#revisions.get(session) ?? 0;
  }

  /** The sessions that it has as active. */
  sessions(): readonly string[] {
    return [...this.#revisions.keys()];
  }

  put(snapshot: Snapshot): void {
    if (!this.lacks(snapshot.id, snapshot.revision)) return;
    if (snapshot.status === "active") this.#revisions.set(snapshot.id, snapshot.revision);
    else {
      this.#ended.add(snapshot.id);
      this.#revisions.delete(snapshot.id);
    }
    this.#waiting.set(snapshot.id, snapshot);
    this.#wake?.();
  }

  /** What has come; nothing after `idleMs` milliseconds; null once it is closed or `signal` aborts. */
  async take(idleMs: number, signal: AbortSignal | undefined): Promise<readonly Snapshot[] | null> {
    if (this.#waiting.size === 0 && !this.#closed && !signal?.aborted) await this.#wait(idleMs, signal);
    if (this.#closed || signal?.aborted) return null;
    const snapshots = [...this.#waiting.values()];
    this.#waiting.clear();
    return snapshots;
  }

  /** Ends the stream that reads it. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async #wait(idleMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = () => resolve();
    const timer = setTimeout(stop, idleMs);
    signal?.addEventListener("abort", stop);
    this.#wake = stop;
    await promise;
    this.#wake = undefined;
    signal?.removeEventListener("abort", stop);
    clearTimeout(timer);
  }
}
