import { PROTOCOL_VERSION } from "@sessions/core";
import type { Environment } from "./environment.ts";

/** What is known of the connection to the server. */
export interface LinkState {
  /** Whether the last push or stream worked; true until one has failed. */
  readonly up: boolean;
  /** Nobody, or another person, is signed in here: nothing is sent until that changes. */
  readonly signedOut: boolean;
  /** The server speaks another protocol: this page must be reloaded, or the server upgraded. */
  readonly outdated: boolean;
  /** The server's clock less this device's, in milliseconds. */
  readonly offsetMs: number;
}

export interface Link {
  readonly state: LinkState;
  readonly offline: boolean;
  /** Milliseconds since 1970, by the server's clock as far as it is known. */
  now(): number;
  /** The server answered: `at` is its clock, an ISO time; `protocol` its version, where it says so. */
  heard(at: string, protocol?: number): void;
  failed(): void;
  /** The server answered that this owner is not the one who is signed in. */
  signedOut(): void;
  /** Takes over what the leading tab knows. */
  adopt(state: LinkState): void;
}

export function createLink({ now }: Environment, onChange: (wasUp: boolean) => void): Link {
  let state: LinkState = { up: true, signedOut: false, outdated: false, offsetMs: 0 };

  function become(next: LinkState): void {
    const { up, signedOut, outdated } = state;
    state = next;
    if (next.up !== up || next.signedOut !== signedOut || next.outdated !== outdated) onChange(up);
  }

  return {
    get state() {
      return state;
    },
    get offline() {
      return !state.up || globalThis.navigator?.onLine === false;
    },
    now: () => now() + state.offsetMs,
    heard(at, protocol) {
      const outdated = protocol === undefined ? state.outdated : protocol !== PROTOCOL_VERSION;
      become({ up: true, signedOut: false, outdated, offsetMs: Date.parse(at) - now() });
    },
    failed: () => become({ ...state, up: false }),
    signedOut: () => become({ ...state, up: false, signedOut: true }),
    adopt: become,
  };
}
