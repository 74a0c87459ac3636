import type { Snapshot } from "@sessions/core";
import { jsonBytes } from "../../size.ts";

/** How many ended sessions of an owner are remembered, so that nothing older is told after their end. */
const MAX_ENDED = 1_000;

/** What an owner's watchers on this node have been given. */
interface Watched {
  readonly inboxes: Set<Inbox>;
  /** The newest revision of each active session that went to every watcher. */
  readonly active: Map<string, number>;
  /** And of those whose end did: nothing comes after it. */
  readonly ended: Map<string, number>;
}

/** What an owner's watchers have, to look up what they lack. */
export type Given = Pick<Watched, "active" | "ended">;

const GIVEN_NOTHING: Given = { active: new Map(), ended: new Map() };

/** Every watcher of this node, by owner. What one of them has, all of an owner's share: none costs more than its stream. */
export class WatchHub {
  readonly #watched = new Map<string, Watched>();
  /** How many bytes of JSON may wait in one inbox. */
  readonly #inboxBytes: number;
  #size = 0;
  #closed = false;

  constructor(inboxBytes: number) {
    this.#inboxBytes = inboxBytes;
  }

  /** Attaches a watcher. What is published from now on waits in its inbox. */
  join(owner: string): Inbox {
    const watched: Watched = this.#watched.get(owner) ?? { inboxes: new Set(), active: new Map(), ended: new Map() };
    const inbox: Inbox = new Inbox(this.#inboxBytes, {
      leave: () => this.#leave(owner, inbox),
      others: (snapshot) => this.#publish(owner, snapshot, inbox),
    });
    this.#watched.set(owner, watched);
    watched.inboxes.add(inbox);
    this.#size += 1;
    if (this.#closed) inbox.close();
    return inbox;
  }

  publish(owner: string, snapshot: Snapshot): void {
    this.#publish(owner, snapshot);
  }

  /** An owner's only watcher has these sessions as they are. With more than one they are looked up for all. */
  note(owner: string, revisions: Iterable<readonly [session: string, revision: number]>): void {
    const watched = this.#watched.get(owner);
    if (watched?.inboxes.size !== 1) return;
    for (const [id, revision] of revisions) if (lacks(watched, id, revision)) watched.active.set(id, revision);
  }

  /** Whether a watcher of this owner may lack this revision. */
  wants(owner: string, session: string, revision: number): boolean {
    const watched = this.#watched.get(owner);
    return watched !== undefined && lacks(watched, session, revision);
  }

  /** How many watchers an owner has here. */
  streams(owner: string): number {
    return this.#watched.get(owner)?.inboxes.size ?? 0;
  }

  /** The owners who have watchers here. */
  owners(): readonly string[] {
    return [...this.#watched.keys()];
  }

  /** What all of an owner's watchers were given. */
  given(owner: string): Given {
    return this.#watched.get(owner) ?? GIVEN_NOTHING;
  }

  /** How many watchers are attached. */
  get size(): number {
    return this.#size;
  }

  /** Ends every stream, and each that is still to come. */
  close(): void {
    this.#closed = true;
    for (const { inboxes } of this.#watched.values()) {
      for (const inbox of inboxes) inbox.close();
    }
  }

  #publish(owner: string, snapshot: Snapshot, except?: Inbox): void {
    const watched = this.#watched.get(owner);
    if (watched === undefined || !lacks(watched, snapshot.id, snapshot.revision)) return;
    if (snapshot.status === "active") watched.active.set(snapshot.id, snapshot.revision);
    else {
      watched.active.delete(snapshot.id);
      watched.ended.set(snapshot.id, snapshot.revision);
      const [oldest] = watched.ended.keys();
      if (watched.ended.size > MAX_ENDED) watched.ended.delete(oldest!);
    }
    for (const inbox of watched.inboxes) if (inbox !== except) inbox.put(snapshot);
  }

  #leave(owner: string, inbox: Inbox): void {
    const watched = this.#watched.get(owner);
    if (!watched?.inboxes.delete(inbox)) return;
    this.#size -= 1;
    if (watched.inboxes.size === 0) this.#watched.delete(owner);
  }
}

function lacks({ active, ended }: Watched, session: string, revision: number): boolean {
  return revision > (active.get(session) ?? 0) && !ended.has(session);
}

interface InboxOptions {
  readonly leave: () => void;
  /** Hands a snapshot to the owner's other watchers. */
  readonly others: (snapshot: Snapshot) => void;
}

/** What came for a watcher. `owed`: sessions that there was no room to keep, to be read from the database. */
export interface Taken {
  readonly snapshots: readonly Snapshot[];
  readonly owed: readonly string[];
}

/**
 * What a watcher has yet to be sent: the newest snapshot of each session, up to so many bytes, and of the rest the
 * ids. So a slow reader costs no more than one event.
 */
export class Inbox {
  /** Detaches it from the hub. */
  readonly leave: () => void;
  readonly #others: (snapshot: Snapshot) => void;
  readonly #maxBytes: number;
  readonly #waiting = new Map<string, Snapshot>();
  readonly #owed = new Set<string>();
  #bytes = 0;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(maxBytes: number, { leave, others }: InboxOptions) {
    this.#maxBytes = maxBytes;
    this.leave = leave;
    this.#others = others;
  }

  put(snapshot: Snapshot): void {
    const { id } = snapshot;
    this.#drop(id);
    const bytes = jsonBytes(snapshot);
    if (this.#owed.has(id) || this.#bytes + bytes > this.#maxBytes) this.#owed.add(id);
    else {
      this.#waiting.set(id, snapshot);
      this.#bytes += bytes;
    }
    this.#wake?.();
  }

  /** What to send of what was read for this watcher; what is newer is to come anyway. The owner's others have it too. */
  admit(read: readonly Snapshot[]): readonly Snapshot[] {
    return read.filter((snapshot) => {
      if ((this.#waiting.get(snapshot.id)?.revision ?? 0) > snapshot.revision) return false;
      this.#drop(snapshot.id);
      this.#others(snapshot);
      return true;
    });
  }

  /** What has come; nothing after `idleMs` milliseconds; null once it is closed or `signal` aborts. */
  async take(idleMs: number, signal: AbortSignal | undefined): Promise<Taken | null> {
    const isEmpty = this.#waiting.size === 0 && this.#owed.size === 0;
    if (isEmpty && !this.#closed && !signal?.aborted) await this.#wait(idleMs, signal);
    if (this.#closed || signal?.aborted) return null;
    const taken = { snapshots: [...this.#waiting.values()], owed: [...this.#owed].toSorted().toReversed() };
    this.#waiting.clear();
    this.#owed.clear();
    this.#bytes = 0;
    return taken;
  }

  /** Waits so many milliseconds, or until something comes or the stream is to end. */
  async pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#closed && !signal?.aborted) await this.#wait(ms, signal);
  }

  /** Whether the stream that reads it is to end. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Ends the stream that reads it. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  #drop(id: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    this.#bytes -= jsonBytes(waiting);
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
