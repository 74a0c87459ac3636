import type { Environment } from "../environment.ts";

/** How long the winner may leave a visible tab without an answer, in milliseconds. */
const SILENCE_MS = 2_000;

/** Elects one tab of many by a Web Lock, which the tab holds while it is awake. A tab that gets the lock knows that the earlier winner is gone. */
export interface Election {
  /** The lock's name. */
  readonly name: string;
  /** Whether this tab is the winner. */
  readonly won: boolean;
  /** Whether tabs can elect one. If not, every visible tab wins. */
  readonly isElected: boolean;
  /** Takes part, unless it does already. */
  enter(): void;
  /** Takes part no more. */
  leave(): void;
  /** The winner must answer soon, or it has fallen asleep and is replaced by this tab. */
  expectAnswer(): void;
  /** The winner has answered. */
  answered(): void;
}

export interface ElectionOptions {
  readonly name: string;
  readonly environment: Environment;
  /** Undefined where tabs cannot elect one: then every visible tab wins. */
  readonly locks: LockManager | undefined;
  /** `won` has changed. */
  readonly onTurn: () => void;
}

export function createElection({ name, environment, onTurn, ...options }: ElectionOptions): Election {
  let { locks } = options;
  let won = false;
  // The request for the lock. Aborting it leaves the queue, or lets go of the lock once it is held.
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
      // The lock was stolen from a sleeping tab, or refused, as in a sandboxed frame.
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
