import type { Snapshot } from "@sessions/core/internal";
import { jsonBytes } from "../../json-bytes.ts";

/** How many ended sessions of an owner are remembered, so that no older revision is sent after their end. */
const MAX_ENDED = 1_000;

/** An owner's watchers on this node, and the revisions that all of them were sent. */
interface OwnerWatchers {
  readonly inboxes: Set<Inbox>;
  /** The newest revision of each active session that was sent to all watchers. */
  active: Map<string, number> | undefined;
  /** The last revision of each session whose end was sent to all watchers. */
  ended: Map<string, number> | undefined;
}

/** The revisions that all of an owner's watchers were sent. */
export interface SentRevisions {
  readonly active: ReadonlyMap<string, number>;
  readonly ended: ReadonlyMap<string, number>;
}

const NOTHING_SENT: SentRevisions = { active: new Map(), ended: new Map() };

/** Every watcher of this node, by owner. An owner's watchers share the record of sent revisions, so that one more watcher costs only its stream. */
export class WatchHub {
  readonly #watchers = new Map<string, OwnerWatchers>();
  /** How many bytes of JSON may wait in one inbox. */
  readonly #inboxBytes: number;
  #size = 0;
  #closed = false;

  constructor(inboxBytes: number) {
    this.#inboxBytes = inboxBytes;
  }

  /** Attaches a watcher. Snapshots that are published from now on wait in its inbox: with `only`, those of this session. */
  join(owner: string, only?: string): Inbox {
    // Maps are made when something is sent: an owner who has nothing open needs none.
    const watched: OwnerWatchers = this.#watchers.get(owner) ?? {
      inboxes: new Set(),
      active: undefined,
      ended: undefined,
    };
    const inbox: Inbox = new Inbox(this.#inboxBytes, {
      leave: () => this.#leave(owner, inbox),
      publishToOthers: (snapshot) => this.#publish(owner, snapshot, inbox),
      only,
    });
    this.#watchers.set(owner, watched);
    watched.inboxes.add(inbox);
    this.#size += 1;
    if (this.#closed) inbox.close();
    return inbox;
  }

  publish(owner: string, snapshot: Snapshot): void {
    this.#publish(owner, snapshot);
  }

  /** Records that an owner's only watcher has these revisions. With several watchers nothing is recorded, and the sessions are read for all. */
  recordSent(owner: string, revisions: Iterable<readonly [session: string, revision: number]>): void {
    const watched = this.#watchers.get(owner);
    if (watched?.inboxes.size !== 1) return;
    for (const [id, revision] of revisions) {
      if (isUnsent(watched, id, revision)) (watched.active ??= new Map<string, number>()).set(id, revision);
    }
  }

  /** Whether a watcher of this owner may lack this revision. */
  isNeeded(owner: string, session: string, revision: number): boolean {
    const watched = this.#watchers.get(owner);
    return watched !== undefined && isUnsent(watched, session, revision);
  }

  /** How many watchers an owner has here. */
  watcherCount(owner: string): number {
    return this.#watchers.get(owner)?.inboxes.size ?? 0;
  }

  /** The owners who have watchers here. */
  owners(): readonly string[] {
    return [...this.#watchers.keys()];
  }

  /** The revisions that all of an owner's watchers were sent. */
  sentRevisions(owner: string): SentRevisions {
    const { active, ended } = this.#watchers.get(owner) ?? NOTHING_SENT;
    return { active: active ?? NOTHING_SENT.active, ended: ended ?? NOTHING_SENT.ended };
  }

  /** How many watchers are attached. */
  get size(): number {
    return this.#size;
  }

  /** Ends all streams of an owner. Those that begin later go on. */
  end(owner: string): void {
    for (const inbox of this.#watchers.get(owner)?.inboxes ?? []) inbox.close();
  }

  /** Ends all streams, and those that begin later. */
  close(): void {
    this.#closed = true;
    for (const { inboxes } of this.#watchers.values()) {
      for (const inbox of inboxes) inbox.close();
    }
  }

  #publish(owner: string, snapshot: Snapshot, except?: Inbox): void {
    const watched = this.#watchers.get(owner);
    if (watched === undefined || !isUnsent(watched, snapshot.id, snapshot.revision)) return;
    if (snapshot.status === "active")
      (watched.active ??= new Map<string, number>()).set(snapshot.id, snapshot.revision);
    else {
      watched.active?.delete(snapshot.id);
      const ended = (watched.ended ??= new Map<string, number>());
      ended.set(snapshot.id, snapshot.revision);
      const [oldest] = ended.keys();
      if (ended.size > MAX_ENDED) ended.delete(oldest!);
    }
    for (const inbox of watched.inboxes) if (inbox !== except) inbox.put(snapshot);
  }

  #leave(owner: string, inbox: Inbox): void {
    const watched = this.#watchers.get(owner);
    if (!watched?.inboxes.delete(inbox)) return;
    this.#size -= 1;
    if (watched.inboxes.size === 0) this.#watchers.delete(owner);
  }
}

function isUnsent({ active, ended }: OwnerWatchers, session: string, revision: number): boolean {
  return revision > (active?.get(session) ?? 0) && !ended?.has(session);
}

interface InboxOptions {
  readonly leave: () => void;
  /** Hands a snapshot to the owner's other watchers. */
  readonly publishToOthers: (snapshot: Snapshot) => void;
  /** The id of the only session that it takes; undefined if it takes all of its owner's. */
  readonly only: string | undefined;
}

/** The content of an inbox. The inbox had no room for the sessions in `overflow`: they are read from the database. */
export interface InboxContent {
  readonly snapshots: readonly Snapshot[];
  readonly overflow: readonly string[];
}

/**
 * The snapshots that wait for a watcher: the newest of each session, up to a number of bytes. Of the other sessions only
 * the ids wait. So a slow reader needs no more memory than one event.
 */
export class Inbox {
  /** Detaches it from the hub. */
  readonly leave: () => void;
  readonly #publishToOthers: (snapshot: Snapshot) => void;
  readonly #only: string | undefined;
  readonly #maxBytes: number;
  // Made when something waits: most inboxes are empty, and an empty map takes as much memory as the rest of an inbox.
  #waiting: Map<string, Snapshot> | undefined;
  #overflow: Set<string> | undefined;
  #bytes = 0;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(maxBytes: number, { leave, publishToOthers, only }: InboxOptions) {
    this.#maxBytes = maxBytes;
    this.leave = leave;
    this.#publishToOthers = publishToOthers;
    this.#only = only;
  }

  put(snapshot: Snapshot): void {
    const { id } = snapshot;
    if (this.#only !== undefined && id !== this.#only) return;
    this.#drop(id);
    const bytes = jsonBytes(snapshot);
    if (this.#overflow?.has(id) || this.#bytes + bytes > this.#maxBytes) (this.#overflow ??= new Set()).add(id);
    else {
      (this.#waiting ??= new Map()).set(id, snapshot);
      this.#bytes += bytes;
    }
    this.#wake?.();
  }

  /** Filters snapshots that were read for this watcher: one that waits at a newer revision is left out. The owner's other watchers get the rest too. */
  admit(read: readonly Snapshot[]): readonly Snapshot[] {
    return read.filter((snapshot) => {
      if ((this.#waiting?.get(snapshot.id)?.revision ?? 0) > snapshot.revision) return false;
      this.#drop(snapshot.id);
      this.#publishToOthers(snapshot);
      return true;
    });
  }

  /** Takes everything that waits. Empty if nothing comes within `idleMs` milliseconds; null when the inbox is closed or `signal` aborts. */
  take(idleMs: number, signal: AbortSignal | undefined): Promise<InboxContent | null> {
    const isEmpty = !this.#waiting?.size && !this.#overflow?.size;
    // Most streams wait here. It is no async function, because the frame of one takes more memory than this promise.
    return this.pause(isEmpty ? idleMs : 0, signal).then(() => this.#takeNow(signal));
  }

  #takeNow(signal: AbortSignal | undefined): InboxContent | null {
    if (this.#closed || signal?.aborted) return null;
    const content = {
      snapshots: [...(this.#waiting?.values() ?? [])],
      overflow: [...(this.#overflow ?? [])].toSorted().toReversed(),
    };
    this.#waiting = undefined;
    this.#overflow = undefined;
    this.#bytes = 0;
    return content;
  }

  /** Waits for a time, in milliseconds. It returns earlier when a snapshot comes or the stream has to end. */
  pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => this.#wait(ms, signal, resolve));
  }

  /** Whether the stream that reads it has to end. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Ends the stream that reads it. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  #drop(id: string): void {
    const waiting = this.#waiting?.get(id);
    if (waiting === undefined) return;
    this.#waiting?.delete(id);
    this.#bytes -= jsonBytes(waiting);
  }

  /** Calls `then` once: after a time, when a snapshot comes, or at once if the stream has to end. */
  #wait(ms: number, signal: AbortSignal | undefined, then: () => void): void {
    if (ms <= 0 || this.#closed || signal?.aborted) return then();
    const stop = () => {
      if (this.#wake !== stop) return;
      this.#wake = undefined;
      signal?.removeEventListener("abort", stop);
      clearTimeout(timer);
      then();
    };
    const timer = setTimeout(stop, ms);
    signal?.addEventListener("abort", stop);
    this.#wake = stop;
  }
}
