import type { Refusal } from "../refusal.ts";

/** A usage rule of a flow. The server counts while no other command of the owner is decided. */
export interface Limit {
  /** The name of the limit in the refusal. */
  readonly name: string;
  /** Whether it is checked when a session starts or when it completes. */
  readonly on: "start" | "complete";
  /** The refusal when one more would be too many. */
  check(context: LimitContext): Promise<Refusal | null>;
}

/** The time of a decision, and what a limit may count of its owner's sessions of the flow. */
export interface LimitContext {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** How many of them are open. */
  countOpen(): Promise<number>;
  /** The end of the nth newest of those that have completed since `fromMs`; null if there are fewer. Milliseconds since 1970. */
  nthNewestCompletionMs(nth: number, fromMs: number): Promise<number | null>;
}
