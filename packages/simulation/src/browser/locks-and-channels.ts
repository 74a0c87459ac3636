import type { Clock } from "../clock.ts";
import type { SimulatedProcess } from "../simulated-process.ts";

/** How long a message between tabs or a lock takes, in milliseconds. */
const HOP_MS = 2;

interface Request {
  readonly hold: (lock: object | null) => unknown;
  readonly process: SimulatedProcess;
  readonly granted: PromiseWithResolvers<unknown>;
}

/** The Web Locks and broadcast channels that the tabs of one browser share. */
export class LocksAndChannels {
  readonly #clock: Clock;
  readonly #holders = new Map<string, Request>();
  readonly #queues = new Map<string, Request[]>();
  readonly #channels = new Set<Channel>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `navigator.locks` of a tab. */
  locksOf(process: SimulatedProcess) {
    return {
      request: (name: string, { signal, steal = false, ifAvailable = false }: LockOptions, hold: Request["hold"]) => {
        if (ifAvailable && this.#holders.has(name)) return Promise.resolve(hold(null));
        const request: Request = { hold, process, granted: Promise.withResolvers() };
        const queue = this.#queues.get(name) ?? [];
        this.#queues.set(name, queue);
        const gaveUp = () => new DOMException("The request was aborted.", "AbortError");
        if (steal) {
          this.#holders.get(name)?.granted.reject(gaveUp());
          this.#holders.delete(name);
          queue.unshift(request);
        } else queue.push(request);
        signal?.addEventListener("abort", () => {
          const place = queue.indexOf(request);
          if (place === -1) return;
          queue.splice(place, 1);
          request.granted.reject(gaveUp());
        });
        this.#grant(name);
        return request.granted.promise;
      },
    };
  }

  /** `BroadcastChannel` of a tab. */
  channelsOf(process: SimulatedProcess): new (name: string) => Channel {
    const channels = this.#channels;
    const clock = this.#clock;
    return class extends Channel {
      constructor(name: string) {
        super(name, process, channels, clock);
      }
    };
  }

  /** A tab has closed: its locks and channels are free. */
  release(process: SimulatedProcess): void {
    for (const channel of this.#channels) if (channel.process === process) this.#channels.delete(channel);
    for (const [name, queue] of this.#queues) {
      this.#queues.set(
        name,
        queue.filter((request) => request.process !== process),
      );
      if (this.#holders.get(name)?.process === process) this.#holders.delete(name);
      this.#grant(name);
    }
  }

  #grant(name: string): void {
    this.#clock.after(HOP_MS, () => {
      if (this.#holders.has(name)) return;
      const request = this.#queues.get(name)?.shift();
      if (request === undefined) return;
      this.#holders.set(name, request);
      const free = () => {
        if (this.#holders.get(name) === request) this.#holders.delete(name);
        this.#grant(name);
      };
      request.process.run(() => {
        const held = Promise.resolve(request.hold({ name }));
        held.then(request.granted.resolve, request.granted.reject);
        held.then(free, free);
      });
    });
  }
}

class Channel extends EventTarget {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly #all: Set<Channel>;
  readonly #clock: Clock;

  constructor(name: string, process: SimulatedProcess, all: Set<Channel>, clock: Clock) {
    super();
    this.name = name;
    this.process = process;
    this.#all = all.add(this);
    this.#clock = clock;
  }

  postMessage(message: unknown): void {
    const data = structuredClone(message);
    for (const other of this.#all) {
      if (other === this || other.name !== this.name) continue;
      this.#clock.after(HOP_MS, () => {
        if (this.#all.has(other)) other.process.run(() => other.dispatchEvent(new MessageEvent("message", { data })));
      });
    }
  }

  close(): void {
    this.#all.delete(this);
  }
}
