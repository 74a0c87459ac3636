import type { TRPCDataTransformer } from "@trpc/server";
import { TRPCError } from "@trpc/server";
import { http, type RequestHandler } from "msw";
import { v7 as uuidv7 } from "uuid";
import type { AnyFlow, PushRequest, Refusal, SessionsError, Snapshot } from "@sessions/core/internal";
import { createClock, type TestClock } from "./clock.ts";
import type { ServedFlow } from "./serve.ts";
import { SessionsInMemory } from "./sessions/sessions-in-memory.ts";
import type { HistoryEntry } from "./sessions/stored-session.ts";
import type { OtherDevice } from "./setup/other-device.ts";
import { OtherDevices } from "./setup/other-devices.ts";
import type { Seed } from "./setup/seed.ts";
import { SignIn, type SignInOptions } from "./setup/sign-in.ts";
import { StagedRefusals } from "./setup/staged-refusals.ts";
import { createAnswer } from "./wire/handlers.ts";
import { Network } from "./wire/network.ts";
import { createRouter } from "./wire/router.ts";
import { Watchers } from "./wire/watchers.ts";

/** How long a stream stays silent before it sends a heartbeat, in milliseconds of the server's clock. */
const HEARTBEAT_MS = 15_000;

export interface TestServerOptions {
  /** The flows that the server serves. A flow with an `output`, a `result` or limits is made by `serve`. */
  readonly flows: readonly (AnyFlow | ServedFlow)[];
  /** Who is signed in. Default: each owner that a page's client names. Seeds and other devices need it. */
  readonly owner?: string;
  /** The tRPC endpoint, as a path of msw. Default `"*" + "/trpc"`: on any origin. */
  readonly url?: string;
  /** Where the router is mounted there. Default `"sessions"`. */
  readonly mount?: string;
  /** The transformer of the host, such as superjson. Default none. */
  readonly transformer?: TRPCDataTransformer;
  /** The clock to start from, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** Makes the ids of seeds and other devices: UUIDs of version 7. */
  readonly id?: () => string;
  /** Called with every fault, such as that of a handler that throws. Default: `console.error`. */
  readonly onError?: (fault: SessionsError) => void;
}

/** A server in memory. It decides as `@sessions/server` does. A test makes it fail, or lets another device act. */
export interface TestServer {
  /** Give them to `setupServer` or `setupWorker` of msw. */
  readonly handlers: readonly RequestHandler[];
  /** A `fetch` that answers the requests of sessions, for a test without msw. It passes others to the real `fetch`. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: TestClock;
  /** Every push that reached the server, in order. */
  readonly pushes: readonly PushRequest[];
  /** How many streams are open. */
  readonly streams: number;

  /** Puts a session there without walking through its steps. @throws {SessionsError} `configuration_invalid` if a step's data is missing or refused. */
  seed<Flow extends AnyFlow>(flow: Flow, seed?: Seed<Flow>): Promise<Snapshot>;
  /** A session as its owner's devices see it. @throws {SessionsError} `configuration_invalid` if there is none. */
  snapshot(session: string): Snapshot;
  /** The changes of a session, in their order. Drafts are not among them. */
  history(session: string): readonly HistoryEntry[];
  /** Another device of the person. `name` is what the page shows. */
  anotherDevice(name: string, options?: { readonly owner?: string }): OtherDevice;
  /** Ends a session by its deadline, at once. */
  expire(session: string): void;

  /** The next push takes effect, and the page does not get the reply. */
  dropReply(): void;
  /** Refuses the page's next submission of a step: with a refusal, or as `rejected` with a reason. */
  refuse(step: string, refusal: Refusal | string): void;
  /** Refuses the next push as `busy`. */
  busy(options?: { readonly retryAfterMs?: number }): void;
  /** Speaks the protocol of a newer version from now on, so the page is outdated. */
  outdated(): void;
  /** Serves these flows from now on, as a deploy does. Streams end, and sessions stay. */
  deploy(flows: readonly (AnyFlow | ServedFlow)[]): void;
  /** Holds all requests back until the returned function is called. */
  hold(): () => void;
  goOffline(): void;
  goOnline(): void;
  /** Breaks the open streams once. */
  breakStreams(): void;
  /** Nobody is signed in from now on. Streams end as UNAUTHORIZED. */
  signOut(): void;
  /** Signs in, with a new proof of who the person is. */
  signIn(options?: SignInOptions): void;
}

/**
 * Makes a server for the tests and stories of an application.
 *
 * @throws {SessionsError} `configuration_invalid` for a flow that lacks a handler.
 * @example
 * const server = createTestServer({ flows: [serve(transfer, { steps: { amount: () => ({ feeCents: 25 }) } })] });
 * setupServer(...server.handlers).listen();
 * const { id } = await server.seed(transfer, { at: "review", data: { recipient, amount } });
 * server.dropReply();
 */
export function createTestServer(options: TestServerOptions): TestServer {
  const { url = "*/trpc", mount = "sessions", transformer, onError = (fault) => console.error(fault) } = options;
  const watchers = new Watchers();
  const network = new Network();
  const staged = new StagedRefusals();
  const clock = createClock(options.now ?? Date.now, (ms) => {
    sessions.store.sweep();
    if (ms >= HEARTBEAT_MS) watchers.heartbeat();
  });
  const { now } = clock;
  const sessions = new SessionsInMemory({
    flows: options.flows,
    now,
    staged: {
      stagedRefusal: (command) => staged.takeFor(command),
      stagedPushRefusal: () => staged.takeForPush(),
    },
    publish: (owner, snapshot) => watchers.publish(owner, snapshot),
    report: onError,
  });
  const signIn = new SignIn(now, { owner: options.owner });
  const id = options.id ?? (() => uuidv7({ msecs: now() }));
  const devices = new OtherDevices({ sessions, signIn, now, id });
  const router = createRouter({
    sessions,
    watchers,
    senderOf: (expected) => signIn.senderOf(expected),
    now,
    transformer,
  });
  const answer = createAnswer({ router, network, mount, transformer });
  const realFetch = globalThis.fetch;

  return {
    handlers: [http.all(`${url}/*`, ({ request }) => answer(request))],
    fetch: (input, init) => {
      const request = new Request(input, init);
      return answer(request) ?? realFetch(request);
    },
    clock,
    pushes: sessions.pushes,
    get streams() {
      return watchers.size;
    },
    seed: async (flow, seed = {}) => devices.seed(flow, seed),
    snapshot: (session) => sessions.redact(sessions.current(session).snapshot),
    history: (session) => sessions.current(session).history,
    anotherDevice: (name, { owner } = {}) => devices.create(name, owner),
    expire: (session) => sessions.expire(session),
    dropReply: () => network.dropReplies(1),
    refuse: (step, refusal) =>
      staged.addOfStep(step, typeof refusal === "string" ? { code: "rejected", step, reason: refusal } : refusal),
    busy: ({ retryAfterMs = 1_000 } = {}) => staged.addOfPush({ code: "busy", retryAfterMs }),
    outdated() {
      sessions.protocol += 1;
      watchers.heartbeat();
    },
    deploy(flows) {
      sessions.deploy(flows);
      watchers.end();
    },
    hold: () => network.hold(),
    goOffline: () => network.goOffline(),
    goOnline: () => network.goOnline(),
    breakStreams: () => network.breakStreams(),
    signOut() {
      signIn.end();
      watchers.end(new TRPCError({ code: "UNAUTHORIZED", message: "The sign-in has ended." }));
    },
    signIn: (who = {}) => signIn.begin({ owner: options.owner, ...who }),
  };
}
