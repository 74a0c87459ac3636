import { initTRPC, TRPCError } from "@trpc/server";
import {
  listRequestSchema,
  PROTOCOL_VERSION,
  pushRequestSchema,
  readRequestSchema,
  receiptRequestSchema,
  watchRequestSchema,
  type ListReply,
  type PushReply,
  type ReadReply,
  type ReceiptReply,
  type SessionsError,
  type Snapshot,
  type WatchEvent,
  type WatchRequest,
} from "@sessions/core/internal";
import type { CommandProcessor } from "./commands/command-processor.ts";
import type { OwnerConnections } from "../postgres/connection/owner-connections.ts";
import { CatchUp } from "./reads/catch-up.ts";
import type { LimitedReads } from "./reads/limited-reads.ts";
import { GuestReader, type SessionReader } from "./reads/guest-reader.ts";
import type { Reader } from "./reads/reader.ts";
import type { ReplyRateLimit } from "./reads/reply-rate-limit.ts";
import type { Bounds } from "./configuration/bounds.ts";
import { tooManyRequests, trpcErrorOf } from "./trpc-errors.ts";
import { guestProcedures } from "./configuration/guest.ts";
import { isServiceDevice } from "./service/service-id.ts";
import type { Identity } from "./configuration/identity.ts";
import { untilSignInEnds } from "./watch/sign-in-end.ts";
import { streamEvents } from "./watch/watch-stream.ts";
import type { WatchHub } from "./watch/watch-hub.ts";

export interface RouterOptions {
  readonly commands: CommandProcessor;
  readonly reader: Reader;
  readonly reads: LimitedReads;
  readonly hub: WatchHub;
  readonly bounds: Bounds;
  readonly replyRateLimit: ReplyRateLimit;
  readonly now: () => number;
  /** Removes sensitive input from a session before it is sent. */
  readonly redact: (snapshot: Snapshot) => Snapshot;
  /** Who makes a request; undefined when nobody is signed in. */
  readonly identityOf: (context: object) => Promise<Identity | undefined>;
  /** Whether an owner is a visitor whom somebody has adopted. */
  readonly isAdopted: (owner: string) => Promise<boolean>;
  readonly report: (error: SessionsError) => void;
  readonly ownerConnections: OwnerConnections;
  /** The calls that are not answered yet. */
  readonly inFlight: Set<Promise<unknown>>;
}

interface Call {
  readonly ctx: object;
  readonly input: { readonly owner?: string | undefined };
}

/** The tRPC procedures. They parse a request and find its owner. All rules are elsewhere. */
export function createRouter({
  commands,
  reader,
  reads,
  hub,
  bounds,
  replyRateLimit,
  now,
  redact,
  identityOf,
  isAdopted,
  report,
  ownerConnections,
  inFlight,
}: RouterOptions) {
  const t = initTRPC.context<object>().create();

  /** Who makes a request. If the client names the owner that it expects, it must be the same. */
  async function identified({ ctx, input }: Call, procedure: keyof typeof guestProcedures): Promise<Identity> {
    const identity = await identityOf(ctx);
    if (identity === undefined) throw new TRPCError({ code: "UNAUTHORIZED", message: "Sign in first." });
    if (input.owner !== undefined && input.owner !== identity.owner) {
      throw new TRPCError({ code: "UNAUTHORIZED", message: "Somebody else is signed in." });
    }
    if (identity.guest && guestProcedures[procedure] !== "own") {
      throw new TRPCError({ code: "UNAUTHORIZED", message: "A guest may not do this." });
    }
    return identity;
  }

  const readerOf = ({ guest }: Identity): SessionReader =>
    guest ? new GuestReader(reader, guest.session, now) : reader;

  /** Fails for a visitor whom somebody has adopted. It is asked after the answer was found: what was found before the adoption stands. */
  async function requireOwner(owner: string): Promise<void> {
    if (await isAdopted(owner)) throw new TRPCError({ code: "UNAUTHORIZED", message: "This visitor has signed in." });
  }

  async function answer<T>(work: () => Promise<T>, owner?: string): Promise<T> {
    const answering = ownerConnections.run(work, owner);
    inFlight.add(answering);
    try {
      return await answering;
    } catch (error) {
      throw trpcErrorOf(error, report);
    } finally {
      inFlight.delete(answering);
    }
  }

  /** Answers one call of a request, which may have others. */
  const answerCall = <T>(
    call: Call,
    procedure: keyof typeof guestProcedures,
    work: (identity: Identity) => Promise<T>,
  ): Promise<T> =>
    replyRateLimit.answer(call.ctx, () =>
      answer(async () => {
        const identity = await identified(call, procedure);
        const reply = await work(identity);
        await requireOwner(identity.owner);
        return reply;
      }),
    );

  const iso = () => new Date(now()).toISOString();
  const eventOf = (snapshots: readonly Snapshot[], more: boolean): WatchEvent => ({
    protocol: PROTOCOL_VERSION,
    now: iso(),
    snapshots: snapshots.map(redact),
    more,
  });

  return t.router({
    push: t.procedure.input(pushRequestSchema).mutation((call): Promise<PushReply> =>
      answerCall(call, "push", async (identity) => {
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
      answerCall(call, "read", async (identity) => {
        const { owner } = identity;
        const snapshotsOf = (found: Snapshot | null) => (found === null ? [] : [found]);
        const read = () => readerOf(identity).read(owner, call.input.session);
        const session = await reads.read(owner, call.ctx, read, snapshotsOf);
        tellGuest(identity, snapshotsOf(session));
        return { session: session && redact(session), now: iso() };
      }),
    ),

    list: t.procedure.input(listRequestSchema).query((call): Promise<ListReply> =>
      answerCall(call, "list", async (identity) => {
        const { owner } = identity;
        const list = () => readerOf(identity).list(owner, call.input);
        const reply = await reads.read(owner, call.ctx, list, ({ active, ended }) => [...active, ...ended]);
        tellGuest(identity, reply.ended);
        return { ...reply, active: reply.active.map(redact), ended: reply.ended.map(redact) };
      }),
    ),

    receipt: t.procedure.input(receiptRequestSchema).query((call): Promise<ReceiptReply> =>
      answerCall(call, "receipt", async (identity) => {
        const { owner } = identity;
        const { session, command } = call.input;
        const find = () => readerOf(identity).receipt(owner, session, command);
        const outcome = await reads.read(owner, call.ctx, find, () => []);
        return { outcome, now: iso() };
      }),
    ),

    // The first event of a stream, for a client that gets no events over its streams.
    changes: t.procedure.input(watchRequestSchema).query((call): Promise<WatchEvent> =>
      answerCall(call, "changes", async (identity) => {
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
      const identity = await answer(() => identified(call, "watch"));
      requireStream(identity.owner);
      const open = (signal: AbortSignal | undefined) => eventsFor(identity, call.input, signal);
      return untilSignInEnds(identity, call.signal, open, (fault) => trpcErrorOf(fault, report));
    }),
  });

  function requireStream(owner: string): void {
    if (hub.watcherCount(owner) >= bounds.ownerStreams) throw tooManyRequests("streams are open");
  }

  /** A guest who has seen the end of their session is let in no more. */
  function tellGuest({ guest }: Identity, snapshots: readonly Snapshot[]): void {
    if (guest && snapshots.some(({ status }) => status !== "active")) guest.onSessionEnded?.();
  }

  function eventsFor(
    identity: Identity,
    { known, after }: WatchRequest,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const { owner } = identity;
    return streamEvents<WatchEvent>({
      owner,
      // Again: others may have been opened since.
      requireRoom: () => requireStream(owner),
      only: identity.guest?.session,
      known: revisionsOf(known),
      after,
      signal,
      hub,
      reader: readerOf(identity),
      replyRateLimit,
      runInTurn: (read) => answer(() => reads.runInTurn(owner, read), owner),
      requireOwner: () => answer(() => requireOwner(owner), owner),
      eventOf,
      onTaken: (snapshots) => tellGuest(identity, snapshots),
    });
  }
}

const revisionsOf = (known: WatchRequest["known"]): ReadonlyMap<string, number> => new Map(Object.entries(known));
