import type { Kysely } from "kysely";
import { stepOf, type AnyFlow, type Command, type Outcome } from "@sessions/core/internal";
import { addRefusals, type RefusalCount } from "./rows/refusals.ts";
import type { Tables } from "./rows/tables.ts";

/** How long a count may wait in memory, in milliseconds. A node that dies loses it. */
const WRITE_EVERY_MS = 10_000;

export interface RefusalCountsOptions {
  readonly db: Kysely<Tables>;
  readonly schema: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly report: (error: unknown) => void;
}

/**
 * How often commands were refused, by flow, step and code. Refusals are not in the history, and anybody can make any number
 * of them. So they are summed in memory, and written by a timer that does not keep the process alive.
 */
export class RefusalCounts {
  readonly #options: RefusalCountsOptions;
  #counts = new Map<string, RefusalCount>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RefusalCountsOptions) {
    this.#options = options;
  }

  /** Counts an outcome if it is a refusal. `busy` is none: the command is sent again. */
  count(flow: AnyFlow, command: Command, outcome: Outcome): void {
    if (outcome.status !== "refused" || outcome.refusal.code === "busy") return;
    // A step's name comes from a browser. Only the flow's own names are kept, so the number of rows is bounded.
    const step = "step" in command && stepOf(flow, command.step) !== undefined ? command.step : "";
    const month = new Date(this.#options.now()).toISOString().slice(0, 7);
    const { code } = outcome.refusal;
    const key = `${flow.name} ${flow.version} ${month} ${step} ${code}`;
    const n = (this.#counts.get(key)?.n ?? 0) + 1;
    this.#counts.set(key, { flow: flow.name, version: flow.version, month, step, code, n });
    this.#timer ??= setTimeout(() => void this.write(), WRITE_EVERY_MS).unref();
  }

  /** Writes what was counted. If the database does not take it, it waits for the next time. */
  async write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counts = this.#counts;
    if (counts.size === 0) return;
    this.#counts = new Map();
    const { db, schema, report } = this.#options;
    try {
      await addRefusals(db, schema, [...counts.values()]);
    } catch (error) {
      for (const [key, count] of counts) {
        this.#counts.set(key, { ...count, n: count.n + (this.#counts.get(key)?.n ?? 0) });
      }
      this.#timer ??= setTimeout(() => void this.write(), WRITE_EVERY_MS).unref();
      report(error);
    }
  }
}
