import { backoffMs, type Environment } from "../environment.ts";
import type { IncomingSnapshots } from "./incoming-snapshots.ts";
import type { Connection } from "./connection.ts";
import { createTimer } from "./timer.ts";

/** How often to ask while streams bring nothing, in milliseconds. */
export const ASK_MS = 4_000;

export interface PollingOptions {
  readonly environment: Environment;
  readonly connection: Connection;
  readonly incoming: IncomingSnapshots;
  /** False once nothing may be asked any more. */
  readonly isOpen: () => boolean;
  /** The server has answered. `wasUnreachable`: the call before failed. Returns whether to ask again after a while. */
  readonly onAnswer: (wasUnreachable: boolean) => boolean;
  /** Whether to ask again after a call that failed. */
  readonly isWanted: () => boolean;
}

/** Asks for the events of a stream, again and again while no stream brings them. */
export interface Polling {
  /** Asks now, unless a call is on its way. */
  ask(): void;
  /** The server was heard, or may be reached again: calls that failed do not count any more. */
  reset(): void;
  /** Asks nothing more by itself. */
  stop(): void;
}

export function createPolling({
  environment,
  connection,
  incoming,
  isOpen,
  onAnswer,
  isWanted,
}: PollingOptions): Polling {
  const pause = createTimer(environment);
  let isAsking = false;
  // In a row.
  let failures = 0;

  function ask(): void {
    if (isAsking || !isOpen()) return;
    isAsking = true;
    pause.clear();
    void incoming.read(isOpen).then(
      () => {
        isAsking = false;
        const wasUnreachable = failures > 0;
        failures = 0;
        if (onAnswer(wasUnreachable)) pause.set(ASK_MS, ask);
      },
      (error: unknown) => {
        isAsking = false;
        failures += 1;
        incoming.nameFewer(error);
        connection.failed();
        if (isOpen() && isWanted()) pause.set(backoffMs(failures, environment), ask);
      },
    );
  }

  return {
    ask,
    reset() {
      failures = 0;
    },
    stop: pause.clear,
  };
}
