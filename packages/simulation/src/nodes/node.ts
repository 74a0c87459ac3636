import { createSessions, type Bus, type BusListener, type Notice, type Sessions } from "@sessions/server";
import type { Clock } from "../clock.ts";
import type { SimulatedDatabase } from "./database.ts";
import type { Deployment } from "../flows.ts";
import { hosts, type Host } from "../hosts.ts";
import type { Random } from "../../../server/src/testing/random.ts";
import { withFates, type Fate } from "./statements.ts";

/** What happens to a node at one of its next statements. */
export interface NodeFault {
  readonly kind: "statement" | "commit";
  /** How many of them pass before. */
  readonly after: number;
  readonly fate: Exclude<Fate, "runs">;
  /** Whether the node dies of it. */
  readonly dies: boolean;
}

export interface NodeOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly database: SimulatedDatabase;
  readonly deployment: Deployment;
  readonly bus: SimulatedBus;
  readonly onDeath: () => void;
}

/** A server process: when it dies, its memory is gone, and it starts again with none. */
export class ServerNode implements Host {
  readonly name: string;
  readonly sessions: Sessions;
  readonly #options: NodeOptions;
  #alive = true;
  #mishap: NodeFault | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.name = options.name;
    const { clock, random, database, deployment, bus } = options;
    const dialect = withFates(database.dialect(), {
      latencyMs: () => random.between(1, 12),
      sleep: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
      fate: (kind) => this.#fateOf(kind),
    });
    this.sessions = hosts.run(this, () =>
      createSessions<{ readonly user: string }>({
        database: dialect,
        // Some nodes write batches, some row by row, as on the engines that need it.
        engine: random.next() < 0.5 ? "postgres" : "pglite",
        identify: ({ user }) => ({ owner: user }),
        flows: deployment.served,
        sweeps: false,
        now: () => clock.nowMs,
        bus: bus.plug(this),
        onError: () => {},
      }),
    );
  }

  get alive(): boolean {
    return this.#alive;
  }

  run(work: () => void): void {
    if (this.#alive) hosts.run(this, work);
  }

  /** Something goes wrong at one of its next statements. */
  await(fault: NodeFault): void {
    this.#mishap = fault;
  }

  die(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#options.onDeath();
  }

  recover(): void {
    this.#mishap = undefined;
  }

  #fateOf(kind: "statement" | "commit"): Fate {
    if (!this.#alive) return "never arrives";
    const fault = this.#mishap;
    if (fault === undefined || fault.kind !== kind) return "runs";
    if (fault.after > 0) {
      this.#mishap = { ...fault, after: fault.after - 1 };
      return "runs";
    }
    this.#mishap = undefined;
    if (fault.dies) this.die();
    return fault.fate;
  }
}

/** What nodes tell one another of, in its own time, and not always. */
export class SimulatedBus {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #listeners = new Map<ServerNode, BusListener>();
  #loss = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** How much of what is said is lost, from 0 to 1. */
  lose(share: number): void {
    this.#loss = share;
  }

  plug(node: ServerNode): Bus {
    return {
      open: (listener) => {
        this.#listeners.set(node, listener);
        this.#clock.after(5, () => node.run(() => listener.hearing(true)));
      },
      publish: (notice) => node.run(() => this.#publish(notice)),
      close: () => Promise.resolve(void this.#listeners.delete(node)),
    };
  }

  #publish(notice: Notice): void {
    for (const [node, listener] of this.#listeners) {
      if (this.#random.next() < this.#loss) continue;
      const times = this.#random.next() < 0.1 ? 2 : 1;
      for (let time = 0; time < times; time += 1) {
        this.#clock.after(this.#random.between(2, 40), () => node.run(() => listener.heard([notice])));
      }
    }
  }
}
