import { setupServer } from "msw/node";
import { createTRPCUntypedClient, httpBatchLink, httpLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import type { AnyRouter } from "@trpc/server";
import { EventSource } from "eventsource";
import superjson from "superjson";
import { onTestFinished } from "vitest";
import {
  PROTOCOL_VERSION,
  type Command,
  type Device,
  type ListReply,
  type PushReply,
  type ReadReply,
  type ReceiptReply,
  type WatchEvent,
} from "@sessions/core/internal";
import { createTestServer, type TestServerOptions } from "../index.ts";

export interface PageOptions {
  readonly batch?: boolean;
  readonly superjson?: boolean;
}

const url = "http://bank.test/trpc";
export const device: Device = { id: "01900000-0000-7000-8000-00000000aaaa", name: "Phone" };

/** A page that calls a test server through msw, until the test ends. */
export function openPage(
  options: TestServerOptions,
  { batch = false, superjson: transforms = false }: PageOptions = {},
) {
  const server = createTestServer({ ...options, ...(transforms && { transformer: superjson }) });
  const network = setupServer(...server.handlers);
  network.listen({ onUnhandledFrame: "error" });
  onTestFinished(() => network.close());
  // tRPC's types ask for a transformer by the router's type, which any router lacks.
  const link = { url, transformer: (transforms ? superjson : undefined) as never };
  const client = createTRPCUntypedClient<AnyRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: httpSubscriptionLink({ ...link, EventSource }),
        false: batch ? httpBatchLink(link) : httpLink(link),
      }),
    ],
  });
  const query = <Reply>(name: string, input: object) => client.query(`sessions.${name}`, input) as Promise<Reply>;
  const push = (...commands: readonly Command[]) =>
    client.mutation("sessions.push", { protocol: PROTOCOL_VERSION, device, commands }) as Promise<PushReply>;
  return {
    server,
    network,
    push,
    one: async (command: Command) => (await push(command)).outcomes[0]!,
    read: async (session: string) => (await query<ReadReply>("read", { session })).session,
    list: (input: object = {}) => query<ListReply>("list", { flow: null, limit: 100, after: null, ...input }),
    receipt: (session: string, command: string) => query<ReceiptReply>("receipt", { session, command }),
    changes: (known: Readonly<Record<string, number>> = {}) =>
      query<WatchEvent>("changes", { protocol: PROTOCOL_VERSION, known }),
    /** Opens a stream: its events so far, and what ended it. */
    watch(known: Readonly<Record<string, number>> = {}) {
      const events: WatchEvent[] = [];
      const errors: unknown[] = [];
      const { unsubscribe } = client.subscription(
        "sessions.watch",
        { protocol: PROTOCOL_VERSION, known },
        { onData: (event) => void events.push(event as WatchEvent), onError: (error) => void errors.push(error) },
      );
      onTestFinished(unsubscribe);
      return { events, errors };
    },
  };
}
