import {
  stripControlCharacters,
  SessionsError,
  toStorableJson,
  type AnyFlow,
  type Device,
  type Outcome,
} from "@sessions/core/internal";
import { deviceName } from "./device-name.ts";
import { browserEnvironment, type Environment } from "./environment.ts";
import { enqueue } from "./record/queue.ts";
import { createSessionList, type InternalList, type SessionList } from "./session/session-list.ts";
import { createSession, type InternalSession, type Session } from "./session/session.ts";
import { createSync, syncBySessions } from "./sync/sync.ts";
import { httpTransport, type RequestHeaders, type SessionTransport } from "./sync/http/transport.ts";

/** Below 100 kB: many servers refuse a longer body. */
const MAX_PUSH_BYTES = 90_000;

interface CommonOptions {
  /** The flows that this page knows, each name once. */
  readonly flows: readonly AnyFlow[];
  /** The id of the person to whom all local data belongs: the same id that the server's `identify` gives. */
  readonly owner: string;
  /** Makes several devices within one browser profile: each name has its own store, tabs and id. Default "". */
  readonly profile?: string;
  /** The device's readable name, cut at 100 characters. Default: the browser and the system, as in "Chrome on Linux". */
  readonly deviceName?: string;
  /** The most bytes in one request to the server, because proxies limit bodies: 10,000 or more. Default 90,000. */
  readonly maxPushBytes?: number;
  /**
   * Called for a fault between the page and the router: `router_not_found`, `answer_unexpected` or `origin_refused`. Each
   * kind is reported once. Default: a warning in the console.
   */
  readonly onError?: (fault: SessionsError) => void;
}

interface UrlOptions {
  /** The tRPC endpoint, such as "/trpc", of a host without a transformer. Give exactly one of `url` and `transport`. */
  readonly url: string;
  /** Where the router is mounted at `url`. Default "sessions". */
  readonly mount?: string;
  /**
   * Whether the browser sends cookies to a `url` of another origin: the option of `fetch`. Default "include", and
   * "same-origin" if there are `headers`.
   */
  readonly credentials?: RequestCredentials;
  /** Headers of every request to `url`, such as `authorization`. A function is called for each request. */
  readonly headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>);
  readonly transport?: undefined;
}

interface TransportOptions {
  /** The mounted router on the application's tRPC client: `trpc.sessions`. Give exactly one of `url` and `transport`. */
  readonly transport: SessionTransport;
  readonly url?: undefined;
  readonly mount?: undefined;
  readonly credentials?: undefined;
  readonly headers?: undefined;
}

export type SessionsClientOptions = CommonOptions & (UrlOptions | TransportOptions);

/**
 * An owner's sessions on this device. {@link createSessionsClient} makes them. After `close`, and after `forget` in any tab,
 * `start` and every change of a session throw `closed`; `open` and `list` still show the sessions in memory. A method with
 * a flow that is not among `flows` throws `flow_not_registered`. A server that renders a page stores and sends nothing: there all
 * sessions and lists are `loading`, and every change throws `closed`.
 */
export interface SessionsClient {
  /** Resolves when all sessions that are stored on this device are in memory. Never rejects. */
  readonly ready: Promise<void>;
  /** This device. Its id is final once `ready` has resolved. */
  readonly device: Device;
  /**
   * Whether the browser has deleted changes of this device that the server lacks. Browsers do so when space is short. Tell
   * the person. `lost` is known once `ready` has resolved. It stays true, in every tab that opens later too, until
   * `dismissLost`.
   */
  readonly lost: boolean;
  /** Call this once the person knows that changes were lost. It makes `lost` false. */
  dismissLost(): void;
  /** Starts a session, offline too. */
  start<Flow extends AnyFlow>(flow: Flow): Session<Flow>;
  /** A session by its id: one object for each id of a flow. A session of another flow is `missing`. If the session is not known here, the client asks the server. */
  open<Flow extends AnyFlow>(flow: Flow, id: string): Session<Flow>;
  /** The owner's sessions of a flow: one object for each flow. */
  list<Flow extends AnyFlow>(flow: Flow): SessionList<Flow>;
  /**
   * Asks the server whether a command took effect. Resolves with null if the server knows no accepted command of that
   * id. Rejects if the server does not answer.
   */
  receipt(request: { readonly session: string; readonly command: string }): Promise<Outcome | null>;
  /**
   * Call this when the person signs out. It deletes all local data of this owner in every profile and tab, with the
   * pending commands and the device's id, and it closes. Rejects if the browser refuses.
   */
  forget(): Promise<void>;
  /**
   * From now on, while a change is only in memory, the browser asks the person who closes or leaves the page
   * (`beforeunload`). The returned function ends this.
   */
  guardUnload(): () => void;
  /** Closes the store and the stream, and releases the lock. Pending commands and drafts stay on this device. */
  close(): void;
}

/**
 * Opens an owner's sessions on this device. The client stores them in IndexedDB, shows every change at once, and sends it
 * when it can reach the server.
 *
 * @throws {SessionsError} `configuration_invalid`
 * @example
 * const sessions = createSessionsClient({ flows: [transfer], url: "/trpc", owner: user.id });
 * const session = sessions.start(transfer);
 * const outcome = await session.submit("recipient", { name: "Ada", iban: "BE68 5390 0754 7034" });
 */
export function createSessionsClient(options: SessionsClientOptions): SessionsClient {
  return assembleSessionsClient(options, browserEnvironment);
}

/** {@link createSessionsClient} with time, random numbers and ids from the caller. */
export function assembleSessionsClient(options: SessionsClientOptions, environment: Environment): SessionsClient {
  const flows = new Map(options.flows.map((flow) => [flow.name, flow]));
  const live = new Map<string, InternalSession>();
  const lists = new Map<string, InternalList>();

  const sync = createSync({
    owner: options.owner,
    profile: options.profile ?? "",
    deviceName: stripControlCharacters(options.deviceName ?? deviceName())
      .slice(0, 100)
      .replaceAll(/\p{Surrogate}/gu, "\ufffd"),
    flows,
    transport: checked(options, flows),
    maxPushBytes: options.maxPushBytes ?? MAX_PUSH_BYTES,
    environment,
    onError: options.onError ?? warn,
    onRecords(ids) {
      for (const id of ids) for (const name of flows.keys()) live.get(keyOf(name, id))?.refresh();
      for (const [name, list] of lists) if (ids.some((id) => store.records.get(id)?.flow === name)) list.refresh();
    },
    onStatusChange() {
      for (const session of live.values()) session.refresh();
      for (const list of lists.values()) list.refresh();
    },
    onReconnected() {
      for (const list of lists.values()) void list.reload();
    },
  });
  const { store, api, device } = sync;

  function known({ name }: AnyFlow): AnyFlow {
    const flow = flows.get(name);
    if (flow === undefined) throw new SessionsError("flow_not_registered", `Flow ${name}.`);
    return flow;
  }

  function sessionOf(flow: AnyFlow, id: string): InternalSession {
    const key = keyOf(flow.name, id);
    const found = live.get(key);
    if (found) return found;
    const session = createSession(known(flow), id, sync);
    live.set(key, session);
    // A person waits for this session, so it is read before all others.
    if (!store.loaded) void store.refresh([id]);
    return session;
  }

  function listOf(flow: AnyFlow): InternalList {
    const list = lists.get(flow.name) ?? createSessionList(known(flow), sync, (id) => sessionOf(flow, id));
    lists.set(flow.name, list);
    return list;
  }

  const sessions: SessionsClient = {
    ready: store.ready,
    get device() {
      return device();
    },
    get lost() {
      return store.lost;
    },
    dismissLost: store.dismissLost,
    start<Flow extends AnyFlow>(given: Flow) {
      sync.assertOpen();
      const flow = known(given);
      const id = environment.id();
      const command = {
        kind: "start",
        id: environment.id(),
        session: id,
        version: flow.version,
        flow: flow.name,
      } as const;
      void store.change(id, enqueue(command, null)).then(sync.push);
      return sessionOf(flow, id) as unknown as Session<Flow>;
    },
    // These objects know their flow only at run time. The flow's own schemas made their values.
    open: <Flow extends AnyFlow>(flow: Flow, id: string) => sessionOf(flow, id) as unknown as Session<Flow>,
    list: <Flow extends AnyFlow>(flow: Flow) => listOf(flow) as unknown as SessionList<Flow>,
    receipt: async (request) => (await api.receipt(request)).outcome,
    guardUnload() {
      const isUnstored = () => store.isUnstored() || [...live.values()].some(({ isWaiting }) => isWaiting);
      const guard = (event: Event) => isUnstored() && event.preventDefault();
      addEventListener("beforeunload", guard);
      return () => removeEventListener("beforeunload", guard);
    },
    forget: sync.forget,
    close: sync.close,
  };
  syncBySessions.set(sessions, sync);
  return sessions;
}

/** Warns of a fault. The page goes on, so this is no error in the console. */
function warn(fault: SessionsError): void {
  // Without `onError` a developer finds the fault in the console alone.
  // oxlint-disable-next-line no-console
  console.warn(fault.message);
}

/** The key has the flow, too: a session that is opened with another flow is another object, and `missing`. */
function keyOf(flow: string, id: string): string {
  return `${flow} ${id}`;
}

/** Whether a value can name a store in every browser. Callers without types may give anything. */
function isName(name: unknown): name is string {
  return typeof name === "string" && name.length <= 200 && toStorableJson(name).ok;
}

function checked(options: SessionsClientOptions, flows: ReadonlyMap<string, AnyFlow>): SessionTransport {
  const invalid = (detail: string) => new SessionsError("configuration_invalid", detail);
  const { owner, profile = "", url, mount = "sessions", transport, headers, maxPushBytes = MAX_PUSH_BYTES } = options;
  const { credentials = headers ? "same-origin" : "include" } = options;
  if (!isName(owner) || owner === "") {
    throw invalid("owner is the signed-in person's id: 1 to 200 characters. Wait until it is known.");
  }
  if (!isName(profile)) throw invalid("profile has up to 200 characters.");
  if (flows.size < options.flows.length) throw invalid("flows has a name twice.");
  if (!(maxPushBytes >= 10_000)) throw invalid("maxPushBytes is 10,000 or more.");
  if ((url === undefined) === (transport === undefined)) throw invalid("Give one of url and transport.");
  if (transport) return transport;
  const get = typeof headers === "function" ? headers : () => headers ?? {};
  return httpTransport({ url, mount, credentials, headers: get });
}
