import type { Snapshot, WatchEvent } from "@sessions/core/internal";

/** A stream that a client has open. */
interface Watcher {
  readonly owner: string;
  /** The only session that it shows; undefined if it shows all of the owner's. */
  readonly only: string | undefined;
  /** Snapshots that wait, the newest of each session. */
  readonly waiting: Map<string, Snapshot>;
  heartbeat: boolean;
  end: { readonly why: Error | undefined } | undefined;
  wake: () => void;
}

export interface StreamOptions {
  readonly owner: string;
  /** The only session that the stream shows; undefined for all of the owner's. */
  readonly only: string | undefined;
  /** The pages of sessions that the client lacks. There is at least one. */
  readonly pages: () => readonly (readonly Snapshot[])[];
  readonly signal: AbortSignal | undefined;
  readonly eventOf: (snapshots: readonly Snapshot[], more: boolean) => WatchEvent;
}

/** All open streams. */
export class Watchers {
  readonly #open = new Set<Watcher>();

  /** How many streams are open. */
  get size(): number {
    return this.#open.size;
  }

  publish(owner: string, snapshot: Snapshot): void {
    for (const watcher of this.#open) {
      if (watcher.owner !== owner || (watcher.only ?? snapshot.id) !== snapshot.id) continue;
      watcher.waiting.set(snapshot.id, snapshot);
      watcher.wake();
    }
  }

  /** Sends an event without snapshots to every stream. */
  heartbeat(): void {
    for (const watcher of this.#open) {
      watcher.heartbeat = true;
      watcher.wake();
    }
  }

  /** Ends all streams: with an error, or as a server that stops does. */
  end(why?: Error): void {
    for (const watcher of this.#open) {
      watcher.end = { why };
      watcher.wake();
    }
  }

  /** The events of one stream: first the sessions that the client lacks, then each change. */
  async *stream({ owner, only, pages, signal, eventOf }: StreamOptions): AsyncGenerator<WatchEvent, void, undefined> {
    const watcher: Watcher = {
      owner,
      only,
      waiting: new Map(),
      heartbeat: false,
      end: undefined,
      wake: () => {},
    };
    const abort = () => {
      watcher.end ??= { why: undefined };
      watcher.wake();
    };
    this.#open.add(watcher);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    try {
      const all = pages();
      for (const [nth, page] of all.entries()) {
        const admitted = page.filter(({ id, revision }) => (watcher.waiting.get(id)?.revision ?? 0) <= revision);
        for (const { id } of admitted) watcher.waiting.delete(id);
        yield eventOf(admitted, nth < all.length - 1);
      }
      while (true) {
        if (watcher.waiting.size === 0 && !watcher.heartbeat && watcher.end === undefined) {
          await new Promise<void>((resolve) => (watcher.wake = resolve));
        }
        if (watcher.end?.why) throw watcher.end.why;
        if (watcher.end) return;
        const snapshots = [...watcher.waiting.values()];
        watcher.waiting.clear();
        watcher.heartbeat = false;
        yield eventOf(snapshots, false);
      }
    } finally {
      this.#open.delete(watcher);
      signal?.removeEventListener("abort", abort);
    }
  }
}
