import type { Snapshot } from "@sessions/core";

/** Every watcher of this node, by owner. */
export class WatchHub {
  readonly #inboxes = new Map<string, Set<Inbox>>();

  /** Attaches a watcher. What is published from now on waits in its inbox. */
  join(owner: string): Inbox {
    const inbox = new Inbox(() => this.#leave(owner, inbox));
    const inboxes = this.#inboxes.get(owner) ?? new Set();
    this.#inboxes.set(owner, inboxes.add(inbox));
    return inbox;
  }

  publish(owner: string, snapshot: Snapshot): void {
    for (const inbox of this.#inboxes.get(owner) ?? []) inbox.put(snapshot);
  }

  /** Ends every stream. */
  close(): void {
    for (const inboxes of this.#inboxes.values()) {
      for (const inbox of inboxes) inbox.close();
    }
    this.#inboxes.clear();
  }

  /** How many watchers are attached. */
  get size(): number {
    let count = 0;
    for (const inboxes of this.#inboxes.values()) count += inboxes.size;
    return count;
  }

  #leave(owner: string, inbox: Inbox): void {
    const inboxes = this.#inboxes.get(owner);
    inboxes?.delete(inbox);
    if (inboxes?.size === 0) this.#inboxes.delete(owner);
  }
}

/** What a watcher has yet to send: the newest snapshot of each session, so that a slow reader costs no more. */
export class Inbox {
  readonly #leave: () => void;
  readonly #waiting = new Map<string, Snapshot>();
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  put(snapshot: Snapshot): void {
    const waiting = this.#waiting.get(snapshot.id);
    if (waiting !== undefined && waiting.revision >= snapshot.revision) return;
    this.#waiting.set(snapshot.id, snapshot);
    this.#wake?.();
  }

  /** What has come, or nothing after `idleMs` milliseconds; null once it is closed. */
  async take(idleMs: number, signal: AbortSignal | undefined): Promise<readonly Snapshot[] | null> {
    if (this.#waiting.size === 0 && !this.#closed && !signal?.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, idleMs);
      this.#wake = resolve;
      const stop = () => resolve();
      signal?.addEventListener("abort", stop);
      await promise;
      signal?.removeEventListener("abort", stop);
      clearTimeout(timer);
      this.#wake = undefined;
    }
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

  leave(): void {
    this.#leave();
  }
}
