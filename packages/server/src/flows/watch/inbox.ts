import type { Snapshot } from "@sessions/core/internal";
import { jsonBytes } from "../../json-bytes.ts";

/** What an inbox needs of its hub. */
export interface InboxHub {
  /** Has the reader of an inbox called soon, once for all that comes until then. */
  wakeSoon(inbox: Inbox): void;
  /** Hands a snapshot to the owner's other watchers. */
  publishToOthers(snapshot: Snapshot, inbox: Inbox): void;
  leave(inbox: Inbox): void;
}

/** Who reads an inbox. Neither function throws. */
export interface InboxReader {
  /** Something waits. */
  wake(): void;
  /** The stream that reads it has to end. */
  close(): void;
}

export interface InboxOptions {
  readonly owner: string;
  /** The id of the only session that it takes; undefined if it takes all of its owner's. */
  readonly only: string | undefined;
  readonly hub: InboxHub;
  readonly reader: InboxReader;
  /** How many bytes of JSON may wait. */
  readonly maxBytes: number;
}

/** The content of an inbox. The inbox had no room for the sessions in `overflow`: they are read from the database. */
export interface InboxContent {
  readonly snapshots: readonly Snapshot[];
  readonly overflow: readonly string[];
}

const NO_IDS: readonly string[] = [];

/**
 * The snapshots that wait for a watcher: the newest of each session, up to a number of bytes. Of the other sessions only
 * the ids wait. So a slow reader needs no more memory than one event.
 */
export class Inbox {
  readonly owner: string;
  readonly #only: string | undefined;
  readonly #hub: InboxHub;
  readonly #reader: InboxReader;
  readonly #maxBytes: number;
  // Made when something waits: most inboxes are empty, and an empty map takes as much memory as the rest of an inbox.
  #waiting: Map<string, Snapshot> | undefined;
  #overflow: Set<string> | undefined;
  #bytes = 0;
  #isWoken = false;

  constructor({ owner, only, hub, reader, maxBytes }: InboxOptions) {
    this.owner = owner;
    this.#only = only;
    this.#hub = hub;
    this.#reader = reader;
    this.#maxBytes = maxBytes;
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
    if (this.#isWoken) return;
    this.#isWoken = true;
    this.#hub.wakeSoon(this);
  }

  /** Filters snapshots that were read for this watcher: one that waits at a newer revision is left out. The owner's other watchers get the rest too. */
  admit(read: readonly Snapshot[]): readonly Snapshot[] {
    return read.filter((snapshot) => {
      if ((this.#waiting?.get(snapshot.id)?.revision ?? 0) > snapshot.revision) return false;
      this.#drop(snapshot.id);
      this.#hub.publishToOthers(snapshot, this);
      return true;
    });
  }

  get isEmpty(): boolean {
    return !this.#waiting?.size && !this.#overflow?.size;
  }

  /** Takes everything that waits. */
  take(): InboxContent {
    const snapshots = [...(this.#waiting?.values() ?? [])];
    const overflow = this.#overflow === undefined ? NO_IDS : [...this.#overflow].toSorted().toReversed();
    this.#waiting = undefined;
    this.#overflow = undefined;
    this.#bytes = 0;
    return { snapshots, overflow };
  }

  /** Tells its reader that something waits. */
  wake(): void {
    this.#isWoken = false;
    this.#reader.wake();
  }

  /** Ends the stream that reads it. */
  close(): void {
    this.#reader.close();
  }

  /** Detaches it from the hub. */
  leave(): void {
    this.#hub.leave(this);
  }

  #drop(id: string): void {
    const waiting = this.#waiting?.get(id);
    if (waiting === undefined) return;
    this.#waiting?.delete(id);
    this.#bytes -= jsonBytes(waiting);
  }
}
