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
  type WatchEvent,
} from "@sessions/core";
import type { Engine } from "./engine.ts";
import { databaseFault } from "./postgres/database.ts";
import type { Reader } from "./reader.ts";
import type { WatchHub } from "./watch.ts";

/** How long a stream stays silent, in milliseconds, before a heartbeat is sent. */
const HEARTBEAT_MS = 15_000;

export interface RouterOptions {
  readonly engine: Engine;
  readonly reader: Reader;
  readonly hub: WatchHub;
  readonly now: () => number;
  /** Whose request this is; undefined when nobody is signed in. */
  readonly ownerOf: (context: object) => Promise<string | undefined>;
  readonly report: (error: SessionsError) => void;
}

/** The tRPC procedures. They parse and name the owner; the rules are elsewhere. */
export function createRouter({ engine, reader, hub, now, ownerOf, report }: RouterOptions) {
  const t = initTRPC.context<object>().create();

  const owned = t.procedure.use(async ({ ctx, next, getRawInput }) => {
    const owner = await answering(() => ownerOf(ctx));
    if (owner === undefined) throw new TRPCError({ code: "UNAUTHORIZED", message: "Sign in first." });
    const expected = ownerIn(await getRawInput());
    if (expected !== undefined && expected !== owner) {
      throw new TRPCError({ code: "UNAUTHORIZED", message: "Somebody else is signed in." });
    }
    return next({ ctx: { owner } });
  });

  /** Answers, or fails without quoting what a driver said: it may hold what a person typed. */
  async function answering<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof TRPCError) throw error;
      const fault = databaseFault(error) ?? new SessionsError("internal", nameOf(error), { cause: error });
      // A node that is closing says so to whoever asks; that is no fault of its own.
      if (fault.code !== "closed") report(fault);
      const away = fault.code === "database_unreachable" || fault.code === "closed";
      throw new TRPCError({
        code: away ? "SERVICE_UNAVAILABLE" : "INTERNAL_SERVER_ERROR",
        message: fault.message,
        cause: fault,
      });
    }
  }

  const iso = () => new Date(now()).toISOString();

  return t.router({
    push: owned
      .input(pushRequestSchema)
      .mutation(({ ctx, input }): Promise<PushReply> => answering(() => engine.push(ctx.owner, input))),

    read: owned
      .input(readRequestSchema)
      .query(({ ctx, input }): Promise<ReadReply> =>
        answering(async () => ({ session: await reader.read(ctx.owner, input.session), now: iso() })),
      ),

    list: owned
      .input(listRequestSchema)
      .query(({ ctx, input }): Promise<ListReply> => answering(() => reader.list(ctx.owner, input))),

    receipt: owned.input(receiptRequestSchema).query(({ ctx, input }): Promise<ReceiptReply> =>
      answering(async () => ({
        outcome: await reader.receipt(ctx.owner, input.session, input.command),
        now: iso(),
      })),
    ),

    watch: owned.input(watchRequestSchema).subscription(async function* ({
      ctx,
      input,
      signal,
    }): AsyncGenerator<WatchEvent, void, undefined> {
      // Attached before the first read: what is committed between the two is in the inbox.
      const inbox = hub.join(ctx.owner, input.known);
      try {
        for (const snapshot of await answering(() => reader.newer(ctx.owner, input.known))) inbox.put(snapshot);
        // The first event comes at once, also when there is nothing new: it says that the stream is there.
        for (let idleMs = 0; ; idleMs = HEARTBEAT_MS) {
          const snapshots = await inbox.take(idleMs, signal);
          if (snapshots === null) return;
          yield { protocol: PROTOCOL_VERSION, now: iso(), snapshots: [...snapshots] };
        }
      } finally {
        inbox.leave();
      }
    }),
  });
}

/** Whom the client takes itself to be, when it says so. */
function ownerIn(input: unknown): unknown {
  return typeof input === "object" && input !== null && "owner" in input ? input.owner : undefined;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
