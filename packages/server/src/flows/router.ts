import { initTRPC, TRPCError } from "@trpc/server";
import {
  listRequestSchema,
  PROTOCOL_VERSION,
  pushRequestSchema,
  readRequestSchema,
  receiptRequestSchema,
  type SessionsError,
  watchRequestSchema,
  type ListReply,
  type PushReply,
  type ReadReply,
  type ReceiptReply,
  type Snapshot,
  type WatchEvent,
  type WatchRequest,
} from "@sessions/core/internal";
import { Events } from "../streams/events.ts";
import { IdleStreams } from "../streams/idle-streams.ts";
import { createCalls, type CallsOptions } from "./calls.ts";
import type { CommandProcessor } from "./commands/command-processor.ts";
import { CatchUp } from "./reads/catch-up.ts";
import type { LimitedReads } from "./reads/limited-reads.ts";
import { GuestReader, type SessionReader } from "./reads/guest-reader.ts";
import type { Reader } from "./reads/reader.ts";
import type { Bounds } from "./configuration/bounds.ts";
import { tooManyRequests, trpcErrorOf } from "./trpc-errors.ts";
import { isServiceDevice } from "./service/service-id.ts";
import type { Identity } from "./configuration/identity.ts";
import { untilSignInEnds } from "./watch/sign-in-end.ts";
import { shareEvents } from "./watch/shared-events.ts";
import { WatchStream, type WatchStreamParts } from "./watch/watch-stream.ts";
import type { WatchHub } from "./watch/watch-hub.ts";

export interface RouterOptions extends CallsOptions {
  readonly commands: CommandProcessor;
  readonly reader: Reader;
  readonly reads: LimitedReads;
  readonly hub: WatchHub;
  readonly bounds: Bounds;
  readonly now: () => number;
  /** Removes sensitive input from a session before it is sent. */
  readonly redact: (snapshot: Snapshot) => Snapshot;
}

/** How long a stream stays silent before it sends a heartbeat, in milliseconds. */
const HEARTBEAT_MS = 15_000;

/** The tRPC procedures. They parse a request and find its owner. All rules are elsewhere. */
export function createRouter(options: RouterOptions) {
  const { commands, reader, reads, hub, bounds, replyRateLimit, now, redact, report } = options;
  const t = initTRPC.context<object>().create();
  const calls = createCalls(options);

  const readerOf = ({ guest }: Identity): SessionReader =>
    guest ? new GuestReader(reader, guest.session, now) : reader;

  const iso = () => new Date(now()).toISOString();
  const makeEvent = (snapshots: readonly Snapshot[], more: boolean): WatchEvent => ({
    protocol: PROTOCOL_VERSION,
    now: iso(),
    snapshots: snapshots.map(redact),
    more,
  });
  const eventOf = shareEvents(makeEvent, now);
  const errorOf = (fault: SessionsError) => trpcErrorOf(fault, report);
  const streams: WatchStreamParts<WatchEvent> = {
    hub,
    idle: new IdleStreams(HEARTBEAT_MS, (stream) => stream.beat()),
    replyRateLimit,
    readerOf,
    runInTurn: (owner, read) => calls.run(() => reads.runInTurn(owner, read), owner),
    // Again: others may have been opened since.
    requireRoom: requireStream,
    requireOwner: (owner) => calls.run(() => calls.requireOwner(owner), owner),
    eventOf,
    onTaken: tellGuest,
  };

  return t.router({
    push: t.procedure.input(pushRequestSchema).mutation((call): Promise<PushReply> =>
      calls.answer(call, "push", async (identity) => {
        if (isServiceDevice(call.input.device.id)) {
          throw new TRPCError({
            code: "BAD_REQUEST",
            message: "This id belongs to a service. Give the device another one.",
          });
        }
        const reply = await commands.push(identity, call.input, call.ctx);
        tellGuest(identity, reply.snapshots);
        return { ...reply, snapshots: reply.snapshots.map(redact) };
      }),
    ),

    read: t.procedure.input(readRequestSchema).query((call): Promise<ReadReply> =>
      calls.answer(call, "read", async (identity) => {
        const { owner } = identity;
        const snapshotsOf = (found: Snapshot | null) => (found === null ? [] : [found]);
        const read = () => readerOf(identity).read(owner, call.input.session);
        const session = await reads.read(owner, call.ctx, read, snapshotsOf);
        tellGuest(identity, snapshotsOf(session));
        return { session: session && redact(session), now: iso() };
      }),
    ),

    list: t.procedure.input(listRequestSchema).query((call): Promise<ListReply> =>
      calls.answer(call, "list", async (identity) => {
        const { owner } = identity;
        const list = () => readerOf(identity).list(owner, call.input);
        const reply = await reads.read(owner, call.ctx, list, ({ active, ended }) => [...active, ...ended]);
        tellGuest(identity, reply.ended);
        return { ...reply, active: reply.active.map(redact), ended: reply.ended.map(redact) };
      }),
    ),

    receipt: t.procedure.input(receiptRequestSchema).query((call): Promise<ReceiptReply> =>
      calls.answer(call, "receipt", async (identity) => {
        const { owner } = identity;
        const { session, command } = call.input;
        const find = () => readerOf(identity).receipt(owner, session, command);
        const outcome = await reads.read(owner, call.ctx, find, () => []);
        return { outcome, now: iso() };
      }),
    ),

    // The first event of a stream, for a client that gets no events over its streams.
    changes: t.procedure.input(watchRequestSchema).query((call): Promise<WatchEvent> =>
      calls.answer(call, "changes", async (identity) => {
        const { known, after } = call.input;
        const { owner } = identity;
        const { snapshots, more } = await new CatchUp({
          reader: readerOf(identity),
          owner,
          known: revisionsOf(known),
          after,
          runListing: (list) => reads.runInTurn(owner, list),
          runRead: reads.runnerFor(owner, call.ctx),
        }).next();
        reads.count(owner, call.ctx, snapshots);
        tellGuest(identity, snapshots);
        return eventOf(snapshots, more);
      }),
    ),

    watch: t.procedure.input(watchRequestSchema).subscription(async (call) => {
      // Before the stream begins: a request of nobody fails as it does for the other procedures.
      const identity = await calls.run(() => calls.identify(call, "watch"));
      requireStream(identity.owner);
      const { known, after } = call.input;
      const open = untilSignInEnds<WatchEvent>(
        identity,
        (sink) => new WatchStream(streams, identity, { known, after }, sink),
        errorOf,
      );
      return new Events(open, call.signal);
    }),
  });

  function requireStream(owner: string): void {
    if (hub.watcherCount(owner) >= bounds.ownerStreams) throw tooManyRequests("streams are open");
  }
}

const revisionsOf = (known: WatchRequest["known"]): ReadonlyMap<string, number> => new Map(Object.entries(known));

/** A guest who has seen the end of their session is let in no more. */
function tellGuest({ guest }: Identity, snapshots: readonly Snapshot[]): void {
  if (guest && snapshots.some(({ status }) => status !== "active")) guest.onSessionEnded?.();
}
