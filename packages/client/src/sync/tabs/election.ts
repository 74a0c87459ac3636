import type { Environment } from "../../environment.ts";
import { createTimer } from "../timer.ts";

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
  /** This tab takes part from now on, if it does not already. */
  enter(): void;
  /** This tab no longer takes part. If it is the winner, another tab can win. */
  leave(): void;
  /** Waits for the winner's answer. If none comes soon, the winner is asleep. Then this tab replaces it, if it is visible. */
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
  // The request for the lock. To abort it is to leave the queue, or to release the lock if this tab has it.
  let place: AbortController | undefined;
  const silence = createTimer(environment);

  function become(winner: boolean): void {
    if (won === winner) return;
    silence.clear();
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
      silence.clear();
      place?.abort();
      place = undefined;
      become(false);
    },
    expectAnswer() {
      if (won || !place || !locks || silence.isSet) return;
      silence.set(SILENCE_MS, () => {
        if (!isHidden()) enter(true);
      });
    },
    answered: silence.clear,
  };
}

/** Whether the page is hidden. Outside a browser it never is. */
export function isHidden(): boolean {
  return globalThis.document?.hidden ?? false;
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
