import { initTRPC, TRPCError, type TRPCDataTransformer } from "@trpc/server";
import {
  listRequestSchema,
  pushRequestSchema,
  readRequestSchema,
  receiptRequestSchema,
  watchRequestSchema,
  type ListReply,
  type PushReply,
  type ReadReply,
  type ReceiptReply,
  type Snapshot,
  type WatchEvent,
} from "@sessions/core/internal";
import type { Sender } from "../sessions/push.ts";
import { GuestReader, type SessionReader } from "../sessions/guest-reader.ts";
import type { SessionsInMemory } from "../sessions/sessions-in-memory.ts";
import type { Watchers } from "./watchers.ts";

export interface RouterOptions {
  readonly sessions: SessionsInMemory;
  readonly watchers: Watchers;
  /** Who is signed in, for a request that names the owner it expects. Undefined for nobody. */
  readonly senderOf: (expected: string | undefined) => Sender | undefined;
  readonly now: () => number;
  readonly transformer: TRPCDataTransformer | undefined;
}

/** The tRPC procedures of `@sessions/server`, over the sessions in memory. */
export function createRouter({ sessions, watchers, senderOf, now, transformer }: RouterOptions) {
  const { reader, redact } = sessions;
  // The server of a browser's test is in the page.
  const t = initTRPC.create({ ...(transformer && { transformer }), allowOutsideOfServer: true });

  function identified({ owner }: { readonly owner?: string | undefined }): Sender {
    const sender = senderOf(owner);
    if (sender === undefined) throw new TRPCError({ code: "UNAUTHORIZED", message: "Sign in first." });
    if (owner !== undefined && owner !== sender.owner) {
      throw new TRPCError({ code: "UNAUTHORIZED", message: "Somebody else is signed in." });
    }
    return sender;
  }

  const readerOf = ({ guest }: Sender): SessionReader => (guest ? new GuestReader(reader, guest.session) : reader);

  const iso = () => new Date(now()).toISOString();
  const eventOf = (snapshots: readonly Snapshot[], more: boolean): WatchEvent => ({
    protocol: sessions.protocol,
    now: iso(),
    snapshots: snapshots.map(redact),
    more,
  });

  return t.router({
    push: t.procedure.input(pushRequestSchema).mutation(async ({ input }): Promise<PushReply> => {
      const { outcomes, snapshots } = await sessions.pushFromPage(identified(input), input);
      return { now: iso(), outcomes, snapshots: snapshots.map(redact) };
    }),

    read: t.procedure.input(readRequestSchema).query(({ input }): ReadReply => {
      const sender = identified(input);
      const session = readerOf(sender).read(sender.owner, input.session);
      return { session: session && redact(session), now: iso() };
    }),

    list: t.procedure.input(listRequestSchema).query(({ input }): ListReply => {
      const sender = identified(input);
      const { active, ended, next } = readerOf(sender).list(sender.owner, input);
      return { now: iso(), active: active.map(redact), ended: ended.map(redact), next };
    }),

    receipt: t.procedure.input(receiptRequestSchema).query(({ input }): ReceiptReply => {
      const sender = identified(input);
      const outcome = readerOf(sender).receipt(sender.owner, input.session, input.command);
      return { outcome, now: iso() };
    }),

    changes: t.procedure.input(watchRequestSchema).query(({ input: { owner, known, after } }): WatchEvent => {
      const sender = identified({ owner });
      const [page, ...others] = readerOf(sender).missing(sender.owner, known, after);
      return eventOf(page!, others.length > 0);
    }),

    watch: t.procedure.input(watchRequestSchema).subscription(({ input, signal }) => {
      const sender = identified(input);
      const { owner, guest } = sender;
      const { known, after } = input;
      const pages = () => readerOf(sender).missing(owner, known, after);
      return watchers.stream({ owner, only: guest?.session, pages, signal, eventOf });
    }),
  });
}

export type TestRouter = ReturnType<typeof createRouter>;
