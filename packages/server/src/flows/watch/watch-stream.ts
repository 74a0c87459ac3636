import type { Snapshot } from "@sessions/core/internal";
import { CatchUp } from "../reads/catch-up.ts";
import { snapshotBytes } from "../reads/limited-reads.ts";
import type { RunInTurn, Reader } from "../reads/reader.ts";
import type { ReplyRateLimit } from "../reads/reply-rate-limit.ts";
import type { Inbox, WatchHub } from "./watch-hub.ts";

/** How long a stream stays silent before it sends a heartbeat, in milliseconds. */
const HEARTBEAT_MS = 15_000;

export interface WatchStreamOptions<Event> {
  readonly owner: string;
  /** The id of the only session that the stream shows; undefined for all of the owner's. */
  readonly only?: string | undefined;
  /** The revisions that the client has, by session id. */
  readonly known: () => ReadonlyMap<string, number>;
  /** Catch up only with sessions whose ids are older than this. */
  readonly after?: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly hub: WatchHub;
  readonly reader: Pick<Reader, "missingAfter" | "page">;
  readonly replyRateLimit: ReplyRateLimit;
  /** Runs a read when it is the owner's turn. */
  readonly runInTurn: RunInTurn;
  /** Fails if the owner has too many streams. Called just before the stream is attached. */
  readonly requireRoom: () => void;
  /** Fails if the owner may see nothing any more. Called once the stream is attached. */
  readonly requireOwner: () => Promise<void>;
  readonly eventOf: (snapshots: readonly Snapshot[], more: boolean) => Event;
  /** Called when the host has taken the snapshots of an event. */
  readonly onTaken: (snapshots: readonly Snapshot[]) => void;
}

/** The events of one stream: first the sessions that the client lacks, then each change, and heartbeats in between. */
export async function* streamEvents<Event>(options: WatchStreamOptions<Event>): AsyncGenerator<Event, void, undefined> {
  options.requireRoom();
  const stream = new WatchStream(options);
  try {
    await options.requireOwner();
    for (let event = await stream.next(); event !== null; event = await stream.next()) yield event;
  } finally {
    stream.leave();
  }
}

/** One stream. It keeps little while it waits: no loop of it is open then, and its lists are made when they are needed. */
class WatchStream<Event> {
  readonly #options: WatchStreamOptions<Event>;
  readonly #inbox: Inbox;
  /** There until the client has caught up. */
  #catchUp: CatchUp | undefined;
  /** The sessions for which the inbox had no room. They are read next. */
  #overflow: readonly string[] = [];
  /** The snapshots of the last event. The host has taken them when it asks for the next event. */
  #sent: readonly Snapshot[] | undefined;

  constructor(options: WatchStreamOptions<Event>) {
    const { owner, only, after, hub, reader, runInTurn } = options;
    const known = options.known();
    this.#options = options;
    // Attached before the first read: a change that is committed meanwhile waits in the inbox.
    this.#inbox = hub.join(owner, only);
    this.#catchUp = new CatchUp({ reader, owner, known, after, runListing: runInTurn, runRead: runInTurn });
  }

  /** The next event; null when the stream has to end. */
  async next(): Promise<Event | null> {
    const sent = this.#sent;
    this.#sent = undefined;
    if (sent !== undefined) this.#options.onTaken(sent);
    if (!(await this.#mayContinue())) return null;
    if (this.#catchUp !== undefined) return this.#nextMissing(this.#catchUp);
    return this.#overflow.length > 0 ? this.#nextOverflow() : this.#nextChange();
  }

  /** Detaches it from the hub. */
  leave(): void {
    this.#inbox.leave();
  }

  /**
   * The first event is sent at once, even if it is empty: it shows that the stream is open. A page is read after the host
   * has taken the page before it, so a client that does not read costs one page of memory.
   */
  async #nextMissing(catchUp: CatchUp): Promise<Event> {
    const { hub, owner } = this.#options;
    const { known } = catchUp;
    const page = await catchUp.next();
    hub.recordSent(
      owner,
      page.upToDate.map((id) => [id, known.get(id)!]),
    );
    if (!page.more) this.#catchUp = undefined;
    return this.#send(this.#inbox.admit(page.snapshots), page.more);
  }

  async #nextOverflow(): Promise<Event> {
    const { reader, owner, runInTurn } = this.#options;
    const page = await runInTurn(() => reader.page(owner, this.#overflow));
    this.#overflow = page.rest;
    return this.#send(this.#inbox.admit(page.snapshots), page.rest.length > 0);
  }

  async #nextChange(): Promise<Event | null> {
    const content = await this.#inbox.take(HEARTBEAT_MS, this.#options.signal);
    if (content === null) return null;
    const { snapshots, overflow } = content;
    this.#overflow = overflow;
    if (snapshots.length === 0 && overflow.length > 0) return this.next();
    return this.#send(snapshots, overflow.length > 0);
  }

  /** Each event counts as a reply of its own. The next one is made after the host has taken this one. */
  #send(snapshots: readonly Snapshot[], more: boolean): Event {
    const { owner, replyRateLimit, eventOf } = this.#options;
    replyRateLimit.count(owner, snapshotBytes(snapshots), snapshots);
    this.#sent = snapshots;
    return eventOf(snapshots, more);
  }

  /** Waits until the rate limit allows the next event. False when the stream has to end. */
  async #mayContinue(): Promise<boolean> {
    const { owner, replyRateLimit, signal } = this.#options;
    const isOver = () => this.#inbox.closed || signal?.aborted === true;
    for (let ms = replyRateLimit.waitMs(owner); ms > 0 && !isOver(); ms = replyRateLimit.waitMs(owner))
      await this.#inbox.pause(ms, signal);
    return !isOver();
  }
}
