import { initTRPC, TRPCError, type TRPCDataTransformer } from "@trpc/server";
import {
  listRequestSchema,
  pushRequestSchema,
  readRequestSchema,
  receiptRequestSchema,
  watchRequestSchema,
  type ListReply,
  type PushReply,
  type PushRequest,
  type ReadReply,
  type ReceiptReply,
  type Snapshot,
  type WatchEvent,
} from "@sessions/core/internal";
import type { Sender } from "../sessions/push.ts";
import type { Reader } from "../sessions/reader.ts";
import type { SessionStore } from "../sessions/session-store.ts";
import type { Watchers } from "./watchers.ts";

export interface RouterOptions {
  readonly store: SessionStore;
  readonly reader: Reader;
  readonly watchers: Watchers;
  readonly push: (sender: Sender, request: PushRequest) => Promise<Omit<PushReply, "now">>;
  /** Who is signed in, for a request that names the owner it expects. Undefined for nobody. */
  readonly senderOf: (expected: string | undefined) => Sender | undefined;
  readonly redact: (snapshot: Snapshot) => Snapshot;
  readonly now: () => number;
  readonly protocol: () => number;
  readonly transformer: TRPCDataTransformer | undefined;
}

/** The tRPC procedures of `@sessions/server`, over the sessions in memory. */
export function createRouter({
  store,
  reader,
  watchers,
  push,
  senderOf,
  redact,
  now,
  protocol,
  transformer,
}: RouterOptions) {
  const t = initTRPC.create(transformer && { transformer });

  function identified({ owner }: { readonly owner?: string | undefined }): Sender {
    const sender = senderOf(owner);
    if (sender === undefined) throw new TRPCError({ code: "UNAUTHORIZED", message: "Sign in first." });
    if (owner !== undefined && owner !== sender.owner) {
      throw new TRPCError({ code: "UNAUTHORIZED", message: "Somebody else is signed in." });
    }
    return sender;
  }

  const iso = () => new Date(now()).toISOString();
  const eventOf = (snapshots: readonly Snapshot[], more: boolean): WatchEvent => ({
    protocol: protocol(),
    now: iso(),
    snapshots: snapshots.map(redact),
    more,
  });

  return t.router({
    push: t.procedure.input(pushRequestSchema).mutation(async ({ input }): Promise<PushReply> => {
      const { outcomes, snapshots } = await push(identified(input), input);
      return { now: iso(), outcomes, snapshots: snapshots.map(redact) };
    }),

    read: t.procedure.input(readRequestSchema).query(({ input }): ReadReply => {
      const session = reader.read(identified(input).owner, input.session);
      return { session: session && redact(session), now: iso() };
    }),

    list: t.procedure.input(listRequestSchema).query(({ input }): ListReply => {
      const { active, ended, next } = reader.list(identified(input).owner, input);
      return { now: iso(), active: active.map(redact), ended: ended.map(redact), next };
    }),

    receipt: t.procedure.input(receiptRequestSchema).query(({ input }): ReceiptReply => {
      const receipt = store.load(identified(input).owner, input.session)?.receipts.get(input.command);
      const outcome = receipt && { status: "accepted" as const, revision: receipt.revision, replayed: true };
      return { outcome: outcome ?? null, now: iso() };
    }),

    changes: t.procedure.input(watchRequestSchema).query(({ input: { owner, known, after } }): WatchEvent => {
      const [page, ...others] = reader.missing(identified({ owner }).owner, known, after);
      return eventOf(page!, others.length > 0);
    }),

    watch: t.procedure.input(watchRequestSchema).subscription(({ input, signal }) => {
      const { owner } = identified(input);
      const { known, after } = input;
      return watchers.stream({ owner, pages: () => reader.missing(owner, known, after), signal, eventOf });
    }),
  });
}

export type TestRouter = ReturnType<typeof createRouter>;
