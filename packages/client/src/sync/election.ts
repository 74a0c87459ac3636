import type { Environment } from "../environment.ts";

/** How long the winner may leave a tab that is seen without an answer, in milliseconds. */
const SILENCE_MS = 2_000;

/** One tab of many, elected by a Web Lock that it holds while it is awake: being granted it means that the one before is gone. */
export interface Election {
  /** The lock's name. */
  readonly name: string;
  /** Whether it is this tab. */
  readonly won: boolean;
  /** Whether there is a vote: without one every tab wins that is seen. */
  readonly isElected: boolean;
  /** Stands for it, unless it does already. */
  enter(): void;
  /** Another tab's turn. */
  leave(): void;
  /** The winner must answer soon, or it has fallen asleep and is replaced by this tab. */
  expectAnswer(): void;
  /** It has answered. */
  answered(): void;
}

export interface ElectionOptions {
  readonly name: string;
  readonly environment: Environment;
  /** Undefined where tabs cannot elect one: then every tab wins that is seen. */
  readonly locks: LockManager | undefined;
  /** `won` has changed. */
  readonly onTurn: () => void;
}

export function createElection({ name, environment, onTurn, ...options }: ElectionOptions): Election {
  let { locks } = options;
  let won = false;
  // The place in the queue; aborting it gives the place up, or the lock once it is held.
  let place: AbortController | undefined;
  let cancelTimer: (() => void) | undefined;

  function answered(): void {
    cancelTimer?.();
    cancelTimer = undefined;
  }

  function become(winner: boolean): void {
    if (won === winner) return;
    answered();
    won = winner;
    onTurn();
  }

  function enter(steal: boolean): void {
    place?.abort();
    const mine = (place = new AbortController());
    if (!locks) return become(!isHidden());
    const { signal } = mine;
    const held = new Promise<void>((resolve) => (signal.onabort = () => resolve()));
    const hold = () => {
      if (mine === place) become(true);
      return held;
    };
    locks.request(name, steal ? { steal } : { signal }, hold).catch((error: unknown) => {
      if (mine !== place) return;
      // Stolen from a tab that slept; else refused, as in a sandboxed frame.
      if (!isAbort(error)) locks = undefined;
      else become(false);
      enter(false);
    });
  }

  return {
    name,
    get won() {
      return won;
    },
    get isElected() {
      return locks !== undefined;
    },
    enter() {
      if (!place || (!locks && !won)) enter(false);
    },
    leave() {
      answered();
      place?.abort();
      place = undefined;
      become(false);
    },
    expectAnswer() {
      if (won || !place || !locks) return;
      cancelTimer ??= environment.after(SILENCE_MS, () => {
        cancelTimer = undefined;
        if (!isHidden()) enter(true);
      });
    },
    answered,
  };
}

/** Outside a browser nothing is ever hidden. */
export function isHidden(): boolean {
  return globalThis.document?.hidden ?? false;
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
