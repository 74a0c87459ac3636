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
import type { Engine } from "./engine.ts";
import { databaseFault } from "./postgres/database.ts";
import { TurnTimedOut } from "./postgres/keyed-queue.ts";
import type { OwnerShares } from "./postgres/owner-shares.ts";
import type { Reader } from "./reader.ts";
import type { WatchHub } from "./watch.ts";

/** How long a stream stays silent, in milliseconds, before a heartbeat is sent. */
const HEARTBEAT_MS = 15_000;

export interface RouterOptions {
  readonly engine: Engine;
  readonly reader: Reader;
  readonly hub: WatchHub;
  readonly now: () => number;
  /** A session as its owner may be told it. */
  readonly told: (snapshot: Snapshot) => Snapshot;
  /** Whose request this is; undefined when nobody is signed in. */
  readonly ownerOf: (context: object) => Promise<string | undefined>;
  readonly report: (error: SessionsError) => void;
  readonly shares: OwnerShares;
  /** What is being answered. */
  readonly underWay: Set<Promise<unknown>>;
}

/** The tRPC procedures. They parse and name the owner; the rules are elsewhere. */
export function createRouter({ engine, reader, hub, now, told, ownerOf, report, shares, underWay }: RouterOptions) {
  const t = initTRPC.context<object>().create();

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
    underWay.add(answer);
    try {
      return await answer;
    } catch (error) {
      if (error instanceof TRPCError) throw error;
      if (error instanceof TurnTimedOut) {
        throw new TRPCError({
          code: "SERVICE_UNAVAILABLE",
          message: "Too much of this owner is under way. Try again.",
        });
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
      underWay.delete(answer);
    }
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
      answering(async () => {
        const reply = await engine.push(await signedIn(given), given.input);
        return { ...reply, snapshots: reply.snapshots.map(told) };
      }),
    ),

    read: t.procedure.input(readRequestSchema).query((given): Promise<ReadReply> =>
      answering(async () => {
        const session = await reader.read(await signedIn(given), given.input.session);
        return { session: session && told(session), now: iso() };
      }),
    ),

    list: t.procedure.input(listRequestSchema).query((given): Promise<ListReply> =>
      answering(async () => {
        const reply = await reader.list(await signedIn(given), given.input);
        return { ...reply, active: reply.active.map(told), ended: reply.ended.map(told) };
      }),
    ),

    receipt: t.procedure.input(receiptRequestSchema).query((given): Promise<ReceiptReply> =>
      answering(async () => ({
        outcome: await reader.receipt(await signedIn(given), given.input.session, given.input.command),
        now: iso(),
      })),
    ),

    // What a stream's first event would bring, for a client whose streams bring nothing.
    changes: t.procedure.input(watchRequestSchema).query((given): Promise<WatchEvent> =>
      answering(async () => {
        const { known, after } = given.input;
        const { snapshots, more } = await reader.newer(await signedIn(given), knownOf(known), after);
        return event(snapshots, more);
      }),
    ),

    watch: t.procedure.input(watchRequestSchema).subscription(async (given) => {
      // Before the stream begins, so that a stranger's request fails as any other does.
      const owner = await answering(() => signedIn(given));
      return eventsFor(owner, given.input, given.signal);
    }),
  });

  async function* eventsFor(
    owner: string,
    { known: given, after }: WatchRequest,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const known = knownOf(given);
    // Attached before the first read: what is committed between the two is in the inbox.
    const inbox = hub.join(owner);
    try {
      // The first event comes at once, also when there is nothing new: it says that the stream is there. The next
      // page is read when this one was taken, so that whoever does not read holds one.
      for (let from = after, more = true; more;) {
        if (inbox.closed || signal?.aborted) return;
        const page = await answering(() => reader.newer(owner, known, from), owner);
        hub.note(
          owner,
          page.same.map((id) => [id, known.get(id)!]),
        );
        from = page.snapshots.at(-1)?.id;
        more = page.more;
        yield event(inbox.admit(page.snapshots), more);
      }
      for (;;) {
        const taken = await inbox.take(HEARTBEAT_MS, signal);
        if (taken === null) return;
        let rest = taken.owed;
        if (taken.snapshots.length > 0 || rest.length === 0) yield event(taken.snapshots, rest.length > 0);
        while (rest.length > 0) {
          const page = await answering(() => reader.page(owner, rest), owner);
          rest = page.rest;
          yield event(inbox.admit(page.snapshots), rest.length > 0);
        }
      }
    } finally {
      inbox.leave();
    }
  }
}

const knownOf = (known: WatchRequest["known"]): ReadonlyMap<string, number> => new Map(Object.entries(known));

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
