import type { Snapshot } from "@sessions/core/internal";
import { CatchUp } from "../reads/catch-up.ts";
import { snapshotBytes } from "../reads/limited-reads.ts";
import type { RunInTurn, Reader } from "../reads/reader.ts";
import type { ReplyRateLimit } from "../reads/reply-rate-limit.ts";
import type { WatchHub } from "./watch-hub.ts";

/** How long a stream stays silent before it sends a heartbeat, in milliseconds. */
const HEARTBEAT_MS = 15_000;

export interface WatchStreamOptions<Event> {
  readonly owner: string;
  /** The id of the only session that the stream shows; undefined for all of the owner's. */
  readonly only?: string | undefined;
  /** The revisions that the client has, by session id. */
  readonly known: ReadonlyMap<string, number>;
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
export async function* streamEvents<Event>({
  owner,
  only,
  known,
  after,
  signal,
  hub,
  reader,
  replyRateLimit,
  runInTurn,
  requireRoom,
  requireOwner,
  eventOf,
  onTaken,
}: WatchStreamOptions<Event>): AsyncGenerator<Event, void, undefined> {
  requireRoom();
  // Attached before the first read: a change that is committed meanwhile waits in the inbox.
  const inbox = hub.join(owner, only);
  /** Waits until the rate limit allows the next event. False when the stream has to end. */
  const mayContinue = async () => {
    const isOver = () => inbox.closed || signal?.aborted === true;
    for (let ms = replyRateLimit.waitMs(owner); ms > 0 && !isOver(); ms = replyRateLimit.waitMs(owner))
      await inbox.pause(ms, signal);
    return !isOver();
  };
  const send = (snapshots: readonly Snapshot[], more: boolean) => {
    // Each event counts as a reply of its own. The next one is made after the host has taken this one.
    replyRateLimit.count(owner, snapshotBytes(snapshots), snapshots);
    return eventOf(snapshots, more);
  };
  try {
    await requireOwner();
    // The first event is sent at once, even if it is empty: it shows that the stream is open. A page is read after the
    // host has taken the page before it, so a client that does not read costs one page of memory.
    const catchUp = new CatchUp({ reader, owner, known, after, runListing: runInTurn, runRead: runInTurn });
    for (let more = true; more;) {
      if (!(await mayContinue())) return;
      const page = await catchUp.next();
      hub.recordSent(
        owner,
        page.upToDate.map((id) => [id, known.get(id)!]),
      );
      more = page.more;
      const admitted = inbox.admit(page.snapshots);
      yield send(admitted, more);
      onTaken(admitted);
    }
    while (await mayContinue()) {
      const content = await inbox.take(HEARTBEAT_MS, signal);
      if (content === null) return;
      let rest = content.overflow;
      if (content.snapshots.length > 0 || rest.length === 0) {
        yield send(content.snapshots, rest.length > 0);
        onTaken(content.snapshots);
      }
      while (rest.length > 0) {
        if (!(await mayContinue())) return;
        const page = await runInTurn(() => reader.page(owner, rest));
        rest = page.rest;
        const admitted = inbox.admit(page.snapshots);
        yield send(admitted, rest.length > 0);
        onTaken(admitted);
      }
    }
  } finally {
    inbox.leave();
  }
}
