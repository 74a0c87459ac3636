import { createSessions, type Bus, type BusListener, type Notice, type Sessions } from "@sessions/server";
import type { Clock } from "../clock.ts";
import type { SimulatedDatabase } from "./database.ts";
import type { Deployment } from "../flows.ts";
import { currentProcess, type SimulatedProcess } from "../simulated-process.ts";
import type { Random } from "../../../server/src/testing/random.ts";
import { withStatementFaults, type StatementResult } from "./statement-faults.ts";

/** A fault of a node at one of its next statements. */
export interface NodeFault {
  readonly kind: "statement" | "commit";
  /** How many of them run before. */
  readonly after: number;
  readonly result: Exclude<StatementResult, "runs">;
  /** Whether the node crashes with it. */
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

/** A server process. After a crash it starts again with an empty memory. */
export class ServerNode implements SimulatedProcess {
  readonly name: string;
  readonly sessions: Sessions;
  readonly #options: NodeOptions;
  #alive = true;
  #fault: NodeFault | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.name = options.name;
    const { clock, random, database, deployment, bus } = options;
    const dialect = withStatementFaults(database.dialect(), {
      latencyMs: () => random.between(1, 12),
      sleep: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
      resultOf: (kind) => this.#resultOf(kind),
    });
    this.sessions = currentProcess.run(this, () =>
      createSessions<{ readonly user: string }>({
        database: dialect,
        // Some nodes write batches, some row by row, as other kinds of Postgres need it.
        databaseKind: random.next() < 0.5 ? "postgres" : "pglite",
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
    if (this.#alive) currentProcess.run(this, work);
  }

  /** Makes one of its next statements fail. */
  failLater(fault: NodeFault): void {
    this.#fault = fault;
  }

  die(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#options.onDeath();
  }

  recover(): void {
    this.#fault = undefined;
  }

  #resultOf(kind: "statement" | "commit"): StatementResult {
    if (!this.#alive) return "never arrives";
    const fault = this.#fault;
    if (fault === undefined || fault.kind !== kind) return "runs";
    if (fault.after > 0) {
      this.#fault = { ...fault, after: fault.after - 1 };
      return "runs";
    }
    this.#fault = undefined;
    if (fault.dies) this.die();
    return fault.result;
  }
}

/** The bus between the nodes. It delays, repeats and loses notices. */
export class SimulatedBus {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #listeners = new Map<BusListener, ServerNode>();
  #loss = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** The share of notices that are lost, from 0 to 1. */
  lose(share: number): void {
    this.#loss = share;
  }

  plug(node: ServerNode): Bus {
    return {
      open: (listener) => {
        this.#listeners.set(listener, node);
        this.#clock.after(5, () => node.run(() => listener.onListeningChange(true)));
        return () => Promise.resolve(void this.#listeners.delete(listener));
      },
      publish: (notice) => node.run(() => this.#publish(notice)),
    };
  }

  #publish(notice: Notice): void {
    for (const [listener, node] of this.#listeners) {
      if (this.#random.next() < this.#loss) continue;
      const times = this.#random.next() < 0.1 ? 2 : 1;
      for (let time = 0; time < times; time += 1) {
        this.#clock.after(this.#random.between(2, 40), () => node.run(() => listener.onNotices([notice])));
      }
    }
  }
}
