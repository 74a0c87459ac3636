import {
  advance,
  expireIfDue,
  PROTOCOL_VERSION,
  sameJson,
  redact,
  type AnyFlow,
  type Command,
  type Device,
  type Outcome,
  type PushReply,
  type PushRequest,
  type Refusal,
  type Snapshot,
} from "@sessions/core/internal";
import { TRPCClientError } from "@trpc/client";
import type { SessionTransport, WatchObserver } from "../sync/http/transport.ts";

interface Stored {
  snapshot: Snapshot;
  readonly receipts: Map<string, { readonly command: Command; readonly revision: number }>;
}

/** The faults of the server and of the network. */
export interface Faults {
  /** No call reaches the server, and streams break. */
  away: boolean;
  /** The owner who is signed in: null for nobody, undefined for any owner that a request names. */
  signedIn: string | null | undefined;
  /** Streams break, and calls get through. */
  streamsAway: boolean;
  /** This many pushes take effect, and their replies are lost. */
  dropReplies: number;
  /** The application refuses a command. */
  refuse: (command: Command) => Refusal | undefined;
  /** The server throws on these commands, so that their whole push fails. */
  failOn: (command: Command) => boolean;
  /** A proxy between page and server. To answer a push itself, it throws. */
  between: (request: PushRequest) => void;
  /** The number of snapshots that a reply to a push has room for. */
  room: number;
  /** Runs before the server takes a push, and can delay it. */
  beforePush: () => Promise<void>;
}

/**
 * A server in memory that decides by core's own rules, for one owner. A test scripts its faults: each one lasts until the
 * test sets it back.
 *
 * @example
 * const server = new ScriptedServer([transfer]);
 * const session = openTab(server, { owner: someone() }).start(transfer);
 * server.faults.dropReplies = 1; // The next push takes effect, and its reply is lost.
 * expect(await session.submit("recipient", recipient)).toEqual({ status: "accepted", revision: 2 });
 */
export class ScriptedServer {
  readonly faults: Faults = {
    away: false,
    signedIn: undefined,
    streamsAway: false,
    dropReplies: 0,
    refuse: () => undefined,
    failOn: () => false,
    between: () => {},
    room: Infinity,
    beforePush: () => Promise.resolve(),
  };
  /** Every push that reached the server, in order. */
  readonly pushes: PushRequest[] = [];
  /** How often a client asked for changes. */
  asked = 0;
  /** How many pushes failed because of `faults.failOn`. */
  failed = 0;
  /** The known revisions that each stream was opened with. */
  readonly watches: Readonly<Record<string, number>>[] = [];
  readonly sessions = new Map<string, Stored>();
  /** Another server's clock, in milliseconds. */
  skewMs = 0;
  readonly #flows: ReadonlyMap<string, AnyFlow>;
  readonly #watchers = new Set<WatchObserver>();

  constructor(flows: readonly AnyFlow[]) {
    this.#flows = new Map(flows.map((flow) => [flow.name, flow]));
  }

  readonly transport: SessionTransport = {
    push: { mutate: (request) => this.#over(request.owner, () => this.#push(request)) },
    read: {
      query: ({ owner, session }) => this.#over(owner, () => ({ now: this.#iso(), session: this.#read(session) })),
    },
    list: {
      query: ({ owner, flow, limit, after }) =>
        this.#over(owner, () => {
          const all = [...this.sessions.keys()]
            .map((id) => this.#read(id)!)
            .filter((one) => !flow || one.flow === flow);
          // The active ones by id, then the ended ones, both newest first.
          const key = (one: { endedAt: string | null; id: string }) => `${one.endedAt ?? "A"} ${one.id}`;
          const page = all
            .sort((left, right) => (key(left) < key(right) ? 1 : -1))
            .filter((one) => after === null || key(one) < key(after));
          const told = page.slice(0, limit);
          const last = told.at(-1);
          const next = last && page.length > limit ? { endedAt: last.endedAt, id: last.id } : null;
          const active = told.filter(({ status }) => status === "active");
          return { now: this.#iso(), active, ended: told.filter(({ status }) => status !== "active"), next };
        }),
    },
    receipt: {
      query: ({ owner, session, command }) =>
        this.#over(owner, () => {
          const receipt = this.sessions.get(session)?.receipts.get(command);
          const outcome = receipt && ({ status: "accepted", revision: receipt.revision, replayed: true } as const);
          return { now: this.#iso(), outcome: outcome ?? null };
        }),
    },
    changes: {
      query: ({ owner, known }) => {
        this.asked += 1;
        return this.#over(owner, () => this.#event(this.#newer(known)));
      },
    },
    watch: {
      subscribe: ({ owner, known }, observer) => {
        this.watches.push(known);
        this.#watchers.add(observer);
        queueMicrotask(() => {
          if (!this.#watchers.has(observer)) return;
          if (this.faults.away || this.faults.streamsAway || this.#isRefused(owner)) return this.breakStreams();
          observer.onData(this.#event(this.#newer(known)));
        });
        return { unsubscribe: () => this.#watchers.delete(observer) };
      },
    },
  };

  /** Takes commands of another device at once. */
  take(device: Device, ...commands: Command[]): Outcome[] {
    return commands.map((command) => this.#decide(device, command));
  }

  /** Sends a snapshot to every stream, or a heartbeat without one. */
  publish(snapshot?: Snapshot, protocol?: number): void {
    for (const watcher of this.#watchers) watcher.onData(this.#event(snapshot ? [snapshot] : [], protocol));
  }

  breakStreams(why = new Error("The stream broke.")): void {
    const broken = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of broken) watcher.onError(why);
  }

  /** The sign-in ends, and its streams with it. Nobody is signed in, or somebody else. */
  endSignIn(signedIn: string | null = null): void {
    this.faults.signedIn = signedIn;
    this.breakStreams(failed("UNAUTHORIZED", 401));
  }

  get streams(): number {
    return this.#watchers.size;
  }

  snapshot(id: string): Snapshot {
    return this.#read(id)!;
  }

  async #push(request: PushRequest): Promise<PushReply> {
    await this.faults.beforePush();
    if (this.faults.away) throw new Error("No connection.");
    this.faults.between(request);
    if (request.commands.some(this.faults.failOn)) {
      this.failed += 1;
      throw failed("INTERNAL_SERVER_ERROR", 500);
    }
    this.pushes.push(request);
    const outcomes = request.commands.map((command) => this.#decide(request.device, command));
    const touched = [...new Set(request.commands.map(({ session }) => session))];
    const snapshots = touched.flatMap((id) => this.#read(id) ?? []).slice(0, this.faults.room);
    if (this.faults.dropReplies > 0) {
      this.faults.dropReplies -= 1;
      throw new Error("The reply was lost.");
    }
    // A copy: over a network, client and server share no objects.
    return structuredClone({ now: this.#iso(), outcomes, snapshots });
  }

  #decide(device: Device, command: Command): Outcome {
    const stored = this.sessions.get(command.session);
    const receipt = stored?.receipts.get(command.id);
    if (receipt) {
      return sameJson(receipt.command, command)
        ? { status: "accepted", revision: receipt.revision, replayed: true }
        : { status: "refused", refusal: { code: "command_mismatch" } };
    }
    const refusal = this.faults.refuse(command);
    if (refusal) return { status: "refused", refusal };

    const name = command.kind === "start" ? command.flow : stored?.snapshot.flow;
    const flow = this.#flows.get(name ?? "");
    if (flow === undefined) return { status: "refused", refusal: { code: "not_found" } };
    const advanced = advance(flow, stored?.snapshot ?? null, command, { device, nowMs: Date.now() + this.skewMs });
    if (!advanced.accepted) return { status: "refused", refusal: advanced.refusal };

    const { session } = advanced;
    const receipts = stored?.receipts ?? new Map();
    if (command.kind !== "draft") receipts.set(command.id, { command, revision: session.revision });
    this.sessions.set(command.session, { snapshot: session, receipts });
    this.publish(this.#told(session));
    return { status: "accepted", revision: session.revision, replayed: false };
  }

  #read(id: string): Snapshot | null {
    const stored = this.sessions.get(id);
    return stored ? this.#told(expireIfDue(stored.snapshot, Date.now() + this.skewMs)) : null;
  }

  #newer(known: Readonly<Record<string, number>>): Snapshot[] {
    const all = [...this.sessions.keys()].map((id) => this.#read(id)!);
    return all.filter(({ id, status, revision }) => revision > (known[id] ?? (status === "active" ? 0 : Infinity)));
  }

  #told(snapshot: Snapshot): Snapshot {
    return structuredClone(redact(this.#flows.get(snapshot.flow), snapshot));
  }

  #isRefused(owner: string | undefined): boolean {
    return this.faults.signedIn !== undefined && this.faults.signedIn !== owner;
  }

  async #over<T>(owner: string | undefined, answer: () => T | Promise<T>): Promise<T> {
    await Promise.resolve();
    if (this.faults.away) throw new Error("No connection.");
    if (this.#isRefused(owner)) throw failed("UNAUTHORIZED", 401);
    return answer();
  }

  #event(snapshots: readonly Snapshot[], protocol = PROTOCOL_VERSION) {
    return { protocol, now: this.#iso(), snapshots: [...snapshots], more: false };
  }

  #iso(): string {
    return new Date(Date.now() + this.skewMs).toISOString();
  }
}

function failed(code: string, httpStatus: number): Error {
  return TRPCClientError.from({ error: { code: -32_001, message: code, data: { code, httpStatus } } });
}
