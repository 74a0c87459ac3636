import type { Environment } from "../../environment.ts";
import { createTimer } from "../timer.ts";

/** How long the leader may leave a visible tab without an answer, in milliseconds. */
const SILENCE_MS = 2_000;

/** Elects a leader among tabs by a Web Lock, which the leader holds while it is awake. A tab that gets the lock knows that the earlier leader is gone. */
export interface Election {
  /** The lock's name. */
  readonly name: string;
  /** Whether this tab is the leader. */
  readonly isLeader: boolean;
  /** Whether tabs can elect a leader. If not, every visible tab is one. */
  readonly isPossible: boolean;
  /** This tab takes part from now on, if it does not already. */
  enter(): void;
  /** This tab no longer takes part. If it is the leader, another tab becomes the leader. */
  leave(): void;
  /** Waits for the leader's answer. If none comes soon, the leader is asleep. Then this tab replaces it, if it is visible. */
  expectAnswer(): void;
  /** The leader has answered. */
  answered(): void;
}

export interface ElectionOptions {
  readonly name: string;
  readonly environment: Environment;
  /** Undefined where tabs cannot elect a leader: then every visible tab is one. */
  readonly locks: LockManager | undefined;
  /** `isLeader` has changed. */
  readonly onChange: () => void;
}

export function createElection({ name, environment, onChange, ...options }: ElectionOptions): Election {
  let { locks } = options;
  let isLeader = false;
  // The request for the lock. To abort it is to leave the queue, or to release the lock if this tab has it.
  let request: AbortController | undefined;
  const silence = createTimer(environment);

  function become(leader: boolean): void {
    if (isLeader === leader) return;
    silence.clear();
    isLeader = leader;
    onChange();
  }

  function enter(steal: boolean): void {
    request?.abort();
    const mine = (request = new AbortController());
    if (!locks) return become(!isHidden());
    const { signal } = mine;
    const held = new Promise<void>((resolve) => (signal.onabort = () => resolve()));
    const hold = () => {
      if (mine === request) become(true);
      return held;
    };
    locks.request(name, steal ? { steal } : { signal }, hold).catch((error: unknown) => {
      if (mine !== request) return;
      // The lock was stolen from a sleeping tab, or refused, as in a sandboxed frame.
      if (!isAbort(error)) locks = undefined;
      else become(false);
      enter(false);
    });
  }

  return {
    name,
    get isLeader() {
      return isLeader;
    },
    get isPossible() {
      return locks !== undefined;
    },
    enter() {
      if (!request || (!locks && !isLeader)) enter(false);
    },
    leave() {
      silence.clear();
      request?.abort();
      request = undefined;
      become(false);
    },
    expectAnswer() {
      if (isLeader || !request || !locks || silence.isSet) return;
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
