import {
  PROTOCOL_VERSION,
  pushRequestSchema,
  readRequestSchema,
  watchRequestSchema,
  type PushReply,
  type ReadReply,
} from "@sessions/core/internal";
import { initTRPC, TRPCError } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { draft, typedBy } from "../../../../core/src/testing/commands.ts";
import { browserEnvironment } from "../../environment.ts";
import { httpTransport } from "./transport.ts";

const now = "2026-01-01T00:00:00.000Z";
const url = "http://127.0.0.1/trpc";
const at = (mount: string) => httpTransport({ url, mount, credentials: "include", headers: () => ({}) });
const device = { id: browserEnvironment.id(), name: "Test" };

const t = initTRPC.create();
const signInEnds = Promise.withResolvers<void>();
const sessions = t.router({
  push: t.procedure.input(pushRequestSchema).mutation(({ input: { commands } }): PushReply => {
    return {
      now,
      outcomes: commands.map(() => ({ status: "accepted", revision: 1, replayed: false })),
      snapshots: [],
    };
  }),
  read: t.procedure.input(readRequestSchema).query((): ReadReply => ({ now, session: null })),
  watch: t.procedure.input(watchRequestSchema).subscription(async function* () {
    yield { protocol: PROTOCOL_VERSION, now, snapshots: [], more: false };
    await signInEnds.promise;
    throw new TRPCError({ code: "UNAUTHORIZED" });
  }),
});
const router = t.router({ flows: t.router({ sessions }) });

// Both ends of tRPC are real; only the wire between them is not.
const wire = vi.fn<typeof fetch>((input, init) => {
  return fetchRequestHandler({ endpoint: "/trpc", req: new Request(input, init), router });
});

beforeEach(() => vi.stubGlobal("fetch", wire));
afterEach(() => {
  wire.mockClear();
  vi.unstubAllGlobals();
});

test("calls reach the router where it is mounted", async () => {
  const transport = at("flows.sessions");
  expect(await transport.push.mutate({ protocol: PROTOCOL_VERSION, device, commands: [] })).toEqual({
    now,
    outcomes: [],
    snapshots: [],
  });
  expect(await transport.read.query({ session: device.id })).toEqual({ now, session: null });
  await expect(at("elsewhere").read.query({ session: device.id })).rejects.toThrow("No procedure found");
});

test("a small push outlives its page, and a large one is sent without that promise", async () => {
  const transport = at("flows.sessions");
  const push = (value: string) => {
    const command = draft(device.id, "a", typedBy(device, { name: value }, 1));
    return transport.push.mutate({ protocol: PROTOCOL_VERSION, device, commands: [command] });
  };
  await push("small");
  await push("x".repeat(60_000));
  expect(wire.mock.calls.map(([, init]) => init?.keepalive)).toEqual([true, false]);
});

test("an aborted call ends", async () => {
  const aborting = AbortSignal.abort();
  await expect(at("flows.sessions").read.query({ session: device.id }, { signal: aborting })).rejects.toThrow("abort");
});

test("S17: a stream that ends with its sign-in says so as a call does, and once", async () => {
  const errors: unknown[] = [];
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const subscription = at("flows.sessions").watch.subscribe(
    { protocol: PROTOCOL_VERSION, known: {} },
    {
      onData: () => open(),
      onError: (error) => {
        errors.push(error);
        end();
      },
      onComplete: end,
      onConnectionStateChange: () => {},
    },
  );
  await opened;
  signInEnds.resolve();
  await ended;
  subscription.unsubscribe();
  expect(errors).toMatchObject([{ data: { code: "UNAUTHORIZED", httpStatus: 401 } }]);
});
