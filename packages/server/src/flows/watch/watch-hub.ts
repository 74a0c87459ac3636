import type { Snapshot } from "@sessions/core/internal";
import { Inbox, type InboxHub, type InboxReader } from "./inbox.ts";

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
export class WatchHub implements InboxHub {
  readonly #watchers = new Map<string, OwnerWatchers>();
  /** How many bytes of JSON may wait in one inbox. */
  readonly #inboxBytes: number;
  /** The inboxes whose readers are woken next. */
  #toWake: Inbox[] = [];
  #size = 0;
  #closed = false;

  constructor(inboxBytes: number) {
    this.#inboxBytes = inboxBytes;
  }

  /** Attaches a watcher. Snapshots that are published from now on wait in its inbox: with `only`, those of this session. */
  join(owner: string, reader: InboxReader, only?: string): Inbox {
    // Maps are made when something is sent: an owner who has nothing open needs none.
    const watched: OwnerWatchers = this.#watchers.get(owner) ?? {
      inboxes: new Set(),
      active: undefined,
      ended: undefined,
    };
    const inbox = new Inbox({ owner, only, reader, hub: this, maxBytes: this.#inboxBytes });
    if (this.#closed) {
      inbox.close();
      return inbox;
    }
    this.#watchers.set(owner, watched);
    watched.inboxes.add(inbox);
    this.#size += 1;
    return inbox;
  }

  publish(owner: string, snapshot: Snapshot): void {
    this.#publish(owner, snapshot);
  }

  publishToOthers(snapshot: Snapshot, inbox: Inbox): void {
    this.#publish(inbox.owner, snapshot, inbox);
  }

  /** Not at once: changes that are published together make one event, and no stream is written to before all have them. */
  wakeSoon(inbox: Inbox): void {
    if (this.#toWake.push(inbox) === 1) queueMicrotask(() => this.#wakeAll());
  }

  leave(inbox: Inbox): void {
    const watched = this.#watchers.get(inbox.owner);
    if (!watched?.inboxes.delete(inbox)) return;
    this.#size -= 1;
    if (watched.inboxes.size === 0) this.#watchers.delete(inbox.owner);
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

  #wakeAll(): void {
    const woken = this.#toWake;
    this.#toWake = [];
    for (const inbox of woken) inbox.wake();
  }
}

function isUnsent({ active, ended }: OwnerWatchers, session: string, revision: number): boolean {
  return revision > (active?.get(session) ?? 0) && !ended?.has(session);
}
