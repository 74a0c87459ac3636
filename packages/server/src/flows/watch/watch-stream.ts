import type { Snapshot } from "@sessions/core/internal";
import type { EventSink, OpenStream } from "../../streams/events.ts";
import type { Identity } from "../configuration/identity.ts";
import { CatchUp } from "../reads/catch-up.ts";
import { snapshotBytes } from "../reads/limited-reads.ts";
import type { Reader } from "../reads/reader.ts";
import type { ReplyRateLimit } from "../reads/reply-rate-limit.ts";
import type { IdleStreams } from "../../streams/idle-streams.ts";
import type { Inbox, InboxReader } from "./inbox.ts";
import type { WatchHub } from "./watch-hub.ts";

/** What all streams share. */
export interface WatchStreamParts<Event> {
  readonly hub: WatchHub;
  /** Finds the streams that need a heartbeat. */
  readonly idle: IdleStreams<WatchStream<Event>>;
  readonly replyRateLimit: ReplyRateLimit;
  readonly readerOf: (identity: Identity) => Pick<Reader, "missingAfter" | "page">;
  /** Runs a read when it is the owner's turn. */
  readonly runInTurn: <T>(owner: string, read: () => Promise<T>) => Promise<T>;
  /** Fails if the owner has too many streams. Called just before a stream is attached. */
  readonly requireRoom: (owner: string) => void;
  /** Fails if the owner may see nothing any more. Called once a stream is attached. */
  readonly requireOwner: (owner: string) => Promise<void>;
  readonly eventOf: (snapshots: readonly Snapshot[], more: boolean) => Event;
  /** Called when the host has taken the snapshots of an event. */
  readonly onTaken: (identity: Identity, snapshots: readonly Snapshot[]) => void;
}

/** What a client asks for. */
export interface WatchQuestion {
  /** The revisions that the client has, by session id. */
  readonly known: Readonly<Record<string, number>>;
  /** Catch up only with sessions whose ids are older than this. */
  readonly after?: string | undefined;
}

/** A page of what a stream sends. */
interface Page {
  readonly snapshots: readonly Snapshot[];
  readonly more: boolean;
}

/**
 * One stream: first the sessions that the client lacks, then each change, and heartbeats in between. It keeps little while
 * it waits: nothing of it runs then, and its lists are made when they are needed.
 */
export class WatchStream<Event> implements OpenStream, InboxReader {
  readonly #parts: WatchStreamParts<Event>;
  readonly #identity: Identity;
  readonly #sink: EventSink<Event>;
  /** There until the stream is attached. */
  #question: WatchQuestion | undefined;
  #inbox: Inbox | undefined;
  /** There until the client has caught up. */
  #catchUp: CatchUp | undefined;
  /** The sessions for which the inbox had no room. They are read next. */
  #overflow: readonly string[] | undefined;
  /** The snapshots of the last event. The host has taken them when it asks for the next event. */
  #sent: readonly Snapshot[] | undefined;
  #limitTimer: NodeJS.Timeout | undefined;
  #isAsked = false;
  #isReading = false;
  #isOver = false;

  constructor(parts: WatchStreamParts<Event>, identity: Identity, question: WatchQuestion, sink: EventSink<Event>) {
    this.#parts = parts;
    this.#identity = identity;
    this.#question = question;
    this.#sink = sink;
  }

  next(): void {
    const sent = this.#sent;
    this.#sent = undefined;
    this.#isAsked = true;
    this.#attempt(() => {
      if (sent !== undefined) this.#parts.onTaken(this.#identity, sent);
      this.#advance();
    });
  }

  wake(): void {
    this.#attempt(() => this.#advance());
  }

  /** Sends an event without sessions, if nothing else is to be sent. */
  beat(): void {
    this.#attempt(() => {
      if (this.#isWaiting && !this.#isLimited()) this.#send([], false);
    });
  }

  close(): void {
    this.#end();
  }

  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#limitTimer);
    this.#parts.idle.delete(this);
    this.#inbox?.leave();
  }

  /** Whether it has nothing to do until something comes. */
  get #isWaiting(): boolean {
    return this.#isAsked && !this.#isReading;
  }

  /** Goes on until it waits: for the host, for a read, for the rate limit, or for a change. */
  #advance(): void {
    if (!this.#isWaiting) return;
    const inbox = this.#inbox;
    const catchUp = this.#catchUp;
    const overflow = this.#overflow;
    if (inbox === undefined) return this.#read(() => this.#attach());
    if (this.#isLimited()) return;
    if (catchUp !== undefined) return this.#read(() => this.#nextMissing(catchUp));
    if (overflow !== undefined) return this.#read(() => this.#nextOverflow(overflow));
    if (inbox.isEmpty) return;
    const content = inbox.take();
    this.#overflow = content.overflow.length > 0 ? content.overflow : undefined;
    if (content.snapshots.length > 0) this.#send(content.snapshots, this.#overflow !== undefined);
    else this.#advance();
  }

  /** Attached before the first read: a change that is committed meanwhile waits in the inbox. */
  async #attach(): Promise<undefined> {
    const { hub, readerOf, runInTurn, requireRoom, requireOwner } = this.#parts;
    const { owner, guest } = this.#identity;
    const { known, after } = this.#question!;
    requireRoom(owner);
    this.#inbox = hub.join(owner, this, guest?.session);
    this.#question = undefined;
    await requireOwner(owner);
    const run = <T>(read: () => Promise<T>) => runInTurn(owner, read);
    this.#catchUp = new CatchUp({
      reader: readerOf(this.#identity),
      owner,
      known: new Map(Object.entries(known)),
      after,
      runListing: run,
      runRead: run,
    });
  }

  /**
   * The first event is sent at once, even if it is empty: it shows that the stream is open. A page is read after the host
   * has taken the page before it, so a client that does not read costs one page of memory.
   */
  async #nextMissing(catchUp: CatchUp): Promise<Page> {
    const { known } = catchUp;
    const { snapshots, more, upToDate } = await catchUp.next();
    const revisions = upToDate.map((id) => [id, known.get(id)!] as const);
    this.#parts.hub.recordSent(this.#identity.owner, revisions);
    if (!more) this.#catchUp = undefined;
    return { snapshots, more };
  }

  async #nextOverflow(ids: readonly string[]): Promise<Page> {
    const { readerOf, runInTurn } = this.#parts;
    const { snapshots, rest } = await runInTurn(this.#identity.owner, () =>
      readerOf(this.#identity).page(this.#identity.owner, ids),
    );
    this.#overflow = rest.length > 0 ? rest : undefined;
    return { snapshots, more: rest.length > 0 };
  }

  /** Runs one read, sends its page if it has one, and goes on. */
  #read(read: () => Promise<Page | undefined>): void {
    this.#isReading = true;
    const goOn = (page: Page | undefined) =>
      this.#attempt(() => {
        this.#isReading = false;
        if (page === undefined) this.#advance();
        else this.#send(this.#inbox!.admit(page.snapshots), page.more);
      });
    read().then(goOn, (error: unknown) => this.#end(error));
  }

  /** Each event counts as a reply of its own. The next one is made after the host has taken this one. */
  #send(snapshots: readonly Snapshot[], more: boolean): void {
    const { replyRateLimit, eventOf, idle } = this.#parts;
    replyRateLimit.countAlone(this.#identity.owner, snapshotBytes(snapshots));
    this.#sent = snapshots;
    this.#isAsked = false;
    idle.heard(this);
    this.#sink.take(eventOf(snapshots, more));
  }

  /** Whether the rate limit allows no event now. It goes on then when the limit may allow one. */
  #isLimited(): boolean {
    if (this.#limitTimer !== undefined) return true;
    const ms = this.#parts.replyRateLimit.waitMs(this.#identity.owner);
    if (ms <= 0) return false;
    this.#limitTimer = setTimeout(() => {
      this.#limitTimer = undefined;
      this.wake();
    }, ms);
    return true;
  }

  #attempt(work: () => void): void {
    if (this.#isOver) return;
    try {
      work();
    } catch (error) {
      this.#end(error);
    }
  }

  #end(error?: unknown): void {
    if (this.#isOver) return;
    this.leave();
    this.#sink.end(error);
  }
}
