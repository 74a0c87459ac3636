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
  type WatchEvent,
} from "@sessions/core/internal";
import type { TRPCClient } from "@trpc/client";
import { initTRPC } from "@trpc/server";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { SessionTransport } from "./transport.ts";

// The router's shape, as a server mounts it.
const t = initTRPC.create();
const procedures = {
  push: t.procedure.input(pushRequestSchema).mutation((): Promise<PushReply> => Promise.reject(new Error())),
  read: t.procedure.input(readRequestSchema).query((): Promise<ReadReply> => Promise.reject(new Error())),
  list: t.procedure.input(listRequestSchema).query((): Promise<ListReply> => Promise.reject(new Error())),
  receipt: t.procedure.input(receiptRequestSchema).query((): Promise<ReceiptReply> => Promise.reject(new Error())),
  changes: t.procedure.input(watchRequestSchema).query((): Promise<WatchEvent> => Promise.reject(new Error())),
  watch: t.procedure
    .input(watchRequestSchema)
    .subscription(async function* (): AsyncGenerator<WatchEvent, void, undefined> {}),
};
const router = t.router({ sessions: t.router(procedures), own: t.procedure.query(() => 1) });

test("the mounted router on a tRPC client is a transport", () => {
  expectTypeOf<TRPCClient<typeof router>["sessions"]>().toExtend<SessionTransport>();
});

test("a router whose schemas drifted apart is not a transport", () => {
  const { read, push, ...rest } = procedures;
  const lacking = t.router({ sessions: t.router({ push, ...rest }) });
  expectTypeOf<TRPCClient<typeof lacking>["sessions"]>().not.toExtend<SessionTransport>();

  const demanding = t.router({
    sessions: t.router({
      push,
      ...rest,
      read: t.procedure
        .input(z.object({ session: z.string(), tenant: z.string() }))
        .query((): Promise<ReadReply> => Promise.reject(new Error())),
    }),
  });
  expectTypeOf<TRPCClient<typeof demanding>["sessions"]>().not.toExtend<SessionTransport>();

  const answering = t.router({
    sessions: t.router({
      read,
      ...rest,
      push: t.procedure.input(pushRequestSchema).mutation(() => ({ now: 0, outcomes: [], snapshots: [] })),
    }),
  });
  expectTypeOf<TRPCClient<typeof answering>["sessions"]>().not.toExtend<SessionTransport>();

  const silent = t.router({
    sessions: t.router({
      read,
      push,
      ...rest,
      watch: t.procedure
        .input(watchRequestSchema)
        .subscription(async function* (): AsyncGenerator<{ snapshots: [] }> {}),
    }),
  });
  expectTypeOf<TRPCClient<typeof silent>["sessions"]>().not.toExtend<SessionTransport>();
});
