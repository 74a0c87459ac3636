import { initTRPC, TRPCError } from "@trpc/server";
import {
  listRequestSchema,
  PROTOCOL_VERSION,
  pushRequestSchema,
  readRequestSchema,
  receiptRequestSchema,
  SessionsError,
  watchRequestSchema,
  type ListReply,
  type PushReply,
  type ReadReply,
  type ReceiptReply,
  type Snapshot,
  type WatchEvent,
  type WatchRequest,
} from "@sessions/core";
import type { Allowance } from "./reads/allowance.ts";
import { Beginning } from "./reads/beginning.ts";
import type { Bounds } from "./served/bounds.ts";
import type { CommandProcessor } from "./commands/command-processor.ts";
import { databaseFault } from "../postgres/errors.ts";
import { TurnTimedOut } from "../postgres/connection/keyed-queue.ts";
import type { OwnerShares } from "../postgres/connection/owner-shares.ts";
import type { InTurn, Reader } from "./reads/reader.ts";
import { jsonBytes } from "../size.ts";
import { TooManyReads, Turns } from "./reads/turns.ts";
import type { WatchHub } from "./watch/watch-hub.ts";

/** How long a stream stays silent, in milliseconds, before a heartbeat is sent. */
const HEARTBEAT_MS = 15_000;

export interface RouterOptions {
  readonly commands: CommandProcessor;
  readonly reader: Reader;
  readonly hub: WatchHub;
  readonly bounds: Bounds;
  readonly allowance: Allowance;
  readonly now: () => number;
  /** A session as its owner may be told it. */
  readonly told: (snapshot: Snapshot) => Snapshot;
  /** Whose request this is; undefined when nobody is signed in. */
  readonly ownerOf: (context: object) => Promise<string | undefined>;
  readonly report: (error: SessionsError) => void;
  readonly shares: OwnerShares;
  /** What is being answered. */
  readonly inFlight: Set<Promise<unknown>>;
}

/** The tRPC procedures. They parse and name the owner; the rules are elsewhere. */
export function createRouter({
  commands,
  reader,
  hub,
  bounds,
  allowance,
  now,
  told,
  ownerOf,
  report,
  shares,
  inFlight,
}: RouterOptions) {
  const t = initTRPC.context<object>().create();
  const turns = new Turns(bounds);

  /** Whose request this is, who must be whom the client takes itself to be, when it says so. */
  async function signedIn({ ctx, input }: { ctx: object; input: { owner?: string | undefined } }): Promise<string> {
    const owner = await ownerOf(ctx);
    if (owner === undefined) throw new TRPCError({ code: "UNAUTHORIZED", message: "Sign in first." });
    if (input.owner !== undefined && input.owner !== owner) {
      throw new TRPCError({ code: "UNAUTHORIZED", message: "Somebody else is signed in." });
    }
    return owner;
  }

  /** Answers, or fails without quoting what a driver said: it may hold what a person typed. */
  async function answering<T>(work: () => Promise<T>, owner?: string): Promise<T> {
    const answer = shares.within(work, owner);
    inFlight.add(answer);
    try {
      return await answer;
    } catch (error) {
      if (error instanceof TRPCError) throw error;
      if (error instanceof TurnTimedOut) throw tooMany("reads wait");
      if (error instanceof TooManyReads) {
        throw error.owner
          ? tooMany("reads wait")
          : new TRPCError({ code: "SERVICE_UNAVAILABLE", message: "Too many reads wait. Try again later." });
      }
      const fault = databaseFault(error) ?? new SessionsError("internal", nameOf(error), { cause: error });
      // A node that is closing says so to whoever asks; that is no fault of its own.
      if (fault.code !== "closed") report(fault);
      const away = fault.code === "database_unreachable" || fault.code === "closed";
      throw new TRPCError({
        code: away ? "SERVICE_UNAVAILABLE" : "INTERNAL_SERVER_ERROR",
        message: fault.message,
        cause: fault,
      });
    } finally {
      inFlight.delete(answer);
    }
  }

  /** Answers a call, together with the others of its request. */
  const answeringOne = <T>(request: unknown, work: () => Promise<T>): Promise<T> =>
    allowance.together(request, () => answering(work));

  const weightOf = (snapshots: readonly Snapshot[]) => snapshots.reduce((sum, each) => sum + jsonBytes(each), 0);

  /** Reads when it is the owner's turn, and the owner may be told more. */
  const readingFor =
    (owner: string, request: unknown): InTurn =>
    (read) =>
      turns.run(owner, async () => {
        if (allowance.waitMs(owner, request) > 0) throw tooMany("bytes were asked for");
        return read();
      });

  /** A read of an owner's. `among`: the sessions in what it found, which count against the allowance. */
  async function reading<T>(
    owner: string,
    request: object,
    read: () => Promise<T>,
    among: (found: T) => readonly Snapshot[],
  ): Promise<T> {
    const found = await readingFor(owner, request)(read);
    tell(owner, request, among(found));
    return found;
  }

  /** What others of the same request have left no room for is not told: the host holds all replies until the last. */
  function tell(owner: string, request: unknown, snapshots: readonly Snapshot[]): void {
    const bytes = weightOf(snapshots);
    if (!allowance.hasRoom(request, bytes)) throw tooMany("bytes were asked for");
    allowance.take(owner, bytes, request);
  }

  const iso = () => new Date(now()).toISOString();
  const event = (snapshots: readonly Snapshot[], more: boolean): WatchEvent => ({
    protocol: PROTOCOL_VERSION,
    now: iso(),
    snapshots: snapshots.map(told),
    more,
  });

  return t.router({
    push: t.procedure.input(pushRequestSchema).mutation((given): Promise<PushReply> =>
      answeringOne(given.ctx, async () => {
        const reply = await commands.push(await signedIn(given), given.input, given.ctx);
        return { ...reply, snapshots: reply.snapshots.map(told) };
      }),
    ),

    read: t.procedure.input(readRequestSchema).query((given): Promise<ReadReply> =>
      answeringOne(given.ctx, async () => {
        const owner = await signedIn(given);
        const read = () => reader.read(owner, given.input.session);
        const session = await reading(owner, given.ctx, read, (found) => (found === null ? [] : [found]));
        return { session: session && told(session), now: iso() };
      }),
    ),

    list: t.procedure.input(listRequestSchema).query((given): Promise<ListReply> =>
      answeringOne(given.ctx, async () => {
        const owner = await signedIn(given);
        const list = () => reader.list(owner, given.input);
        const reply = await reading(owner, given.ctx, list, ({ active, ended }) => [...active, ...ended]);
        return { ...reply, active: reply.active.map(told), ended: reply.ended.map(told) };
      }),
    ),

    receipt: t.procedure.input(receiptRequestSchema).query((given): Promise<ReceiptReply> =>
      answeringOne(given.ctx, async () => {
        const owner = await signedIn(given);
        const { session, command } = given.input;
        const outcome = await reading(
          owner,
          given.ctx,
          () => reader.receipt(owner, session, command),
          () => [],
        );
        return { outcome, now: iso() };
      }),
    ),

    // What a stream's first event would bring, for a client whose streams bring nothing.
    changes: t.procedure.input(watchRequestSchema).query((given): Promise<WatchEvent> =>
      answeringOne(given.ctx, async () => {
        const { known, after } = given.input;
        const owner = await signedIn(given);
        const { snapshots, more } = await new Beginning({
          reader,
          owner,
          known: knownOf(known),
          after,
          listing: (list) => turns.run(owner, list),
          reading: readingFor(owner, given.ctx),
        }).next();
        tell(owner, given.ctx, snapshots);
        return event(snapshots, more);
      }),
    ),

    watch: t.procedure.input(watchRequestSchema).subscription(async (given) => {
      // Before the stream begins, so that a stranger's request fails as any other does.
      const owner = await answering(() => signedIn(given));
      requireStream(owner);
      return eventsFor(owner, given.input, given.signal);
    }),
  });

  function requireStream(owner: string): void {
    if (hub.streams(owner) >= bounds.ownerStreams) throw tooMany("streams are open");
  }

  async function* eventsFor(
    owner: string,
    { known: given, after }: WatchRequest,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const known = knownOf(given);
    requireStream(owner);
    // Attached before the first read: what is committed between the two is in the inbox.
    const inbox = hub.join(owner);
    const page: InTurn = (read) => answering(() => turns.run(owner, read), owner);
    /** Waits until the owner may be told more; false when the stream is to end. */
    const mayGoOn = async () => {
      for (let ms = allowance.waitMs(owner); ms > 0 && !inbox.closed && !signal?.aborted; ms = allowance.waitMs(owner))
        await inbox.pause(ms, signal);
      return !inbox.closed && !signal?.aborted;
    };
    const eventOf = (snapshots: readonly Snapshot[], more: boolean) => {
      // Each event is a reply of its own: the next is made when this one was taken.
      allowance.take(owner, weightOf(snapshots), snapshots);
      return event(snapshots, more);
    };
    try {
      // The first event comes at once, also when there is nothing new: it says that the stream is there. The next
      // page is read when this one was taken, so that whoever does not read holds one.
      const beginning = new Beginning({ reader, owner, known, after, listing: page, reading: page });
      for (let more = true; more;) {
        if (!(await mayGoOn())) return;
        const newer = await beginning.next();
        hub.note(
          owner,
          newer.same.map((id) => [id, known.get(id)!]),
        );
        more = newer.more;
        yield eventOf(inbox.admit(newer.snapshots), more);
      }
      while (await mayGoOn()) {
        const taken = await inbox.take(HEARTBEAT_MS, signal);
        if (taken === null) return;
        let rest = taken.owed;
        if (taken.snapshots.length > 0 || rest.length === 0) yield eventOf(taken.snapshots, rest.length > 0);
        while (rest.length > 0) {
          if (!(await mayGoOn())) return;
          const owed = await page(() => reader.page(owner, rest));
          rest = owed.rest;
          yield eventOf(inbox.admit(owed.snapshots), rest.length > 0);
        }
      }
    } finally {
      inbox.leave();
    }
  }
}

function tooMany(what: string): TRPCError {
  return new TRPCError({ code: "TOO_MANY_REQUESTS", message: `Too many ${what} for one owner. Try again later.` });
}

const knownOf = (known: WatchRequest["known"]): ReadonlyMap<string, number> => new Map(Object.entries(known));

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
