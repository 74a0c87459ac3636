import type { Dialect } from "kysely";
import { aroundCalls } from "./around-calls.ts";

/** How a statement ends: it runs, it never reaches the database, or it takes effect and its answer is lost. */
export type StatementResult = "runs" | "never arrives" | "answer lost";

export interface StatementFaultsOptions {
  /** How long the next statement takes, in milliseconds. */
  readonly latencyMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly resultOf: (kind: "statement" | "commit") => StatementResult;
}

/**
 * A dialect whose statements and commits take simulated time and may fail, as on a broken connection.
 *
 * For example, a node commits a submission and `resultOf("commit")` is `"answer lost"`: the database has the submission,
 * and the node gets an error. It must not report a refusal then, and a repeat must get the first outcome.
 */
export function withStatementFaults(dialect: Dialect, { latencyMs, sleep, resultOf }: StatementFaultsOptions): Dialect {
  async function call<T>(kind: "statement" | "commit", run: () => Promise<T>): Promise<T> {
    await sleep(latencyMs());
    const result = resultOf(kind);
    if (result === "never arrives") throw connectionLost();
    const answer = await run();
    if (result === "answer lost") throw connectionLost();
    return answer;
  }
  return aroundCalls(dialect, (kind, run) => (kind === "statement" || kind === "commit" ? call(kind, run) : run()));
}

/** The error that `pg` gives for a broken connection. */
function connectionLost(): Error {
  return Object.assign(new Error("Connection terminated unexpectedly"), { code: "08006" });
}
