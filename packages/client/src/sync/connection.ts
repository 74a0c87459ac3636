import { PROTOCOL_VERSION } from "@sessions/core/internal";
import type { ClockOffset } from "../store/clock-offset.ts";
import type { Environment } from "../environment.ts";

/** How much a clock's difference must change, in milliseconds, to be written down. */
const NOTABLE_MS = 1_000;

/** What is known of the connection to the server. */
export interface ConnectionState {
  /** Whether the server was heard last; true until a call or the browser says otherwise. */
  readonly up: boolean;
  /** Nobody, or another person, is signed in here: nothing is sent until that changes. */
  readonly signedOut: boolean;
  /** The server speaks another protocol: this page must be reloaded, or the server upgraded. */
  readonly outdated: boolean;
  /** The server's clock less this device's, in milliseconds. */
  readonly offsetMs: number;
}

export interface Connection {
  readonly state: ConnectionState;
  /**
   * The server's clock, as this page heard it, plus the time since then by a clock that nobody sets: milliseconds since
   * 1970, late rather than early. Null until this page has heard it: a long time and a clock that was set look the same.
   */
  readonly serverMs: number | null;
  /** Milliseconds since 1970, by the server's clock as far as it is known. */
  now(): number;
  /** The server answered: `at` is its clock, an ISO time; `protocol` its version, where it says so. */
  heard(at: string, protocol?: number): void;
  failed(): void;
  /** The server answered that this owner is not the one who is signed in. */
  signedOut(): void;
  /** Takes over the state that another tab knows, and its `serverMs`. */
  takeOver(state: ConnectionState, serverMs: number | null): void;
}

export function createConnection(
  { now, elapsed }: Environment,
  clock: ClockOffset,
  onChange: (wasUp: boolean) => void,
): Connection {
  let state: ConnectionState = {
    up: globalThis.navigator?.onLine !== false,
    signedOut: false,
    outdated: false,
    offsetMs: clock.read(),
  };
  // The server's clock: as the server said it, or this clock plus the known difference.
  let base = { serverMs: now() + state.offsetMs, atMs: elapsed(), isHeard: false };

  const serverNow = () => base.serverMs + elapsed() - base.atMs;

  function become(next: ConnectionState, serverMs: number | null = null): void {
    const { up, signedOut, outdated, offsetMs } = state;
    state = next;
    if (serverMs !== null) base = { serverMs, atMs: elapsed(), isHeard: true };
    if (Math.abs(next.offsetMs - offsetMs) > NOTABLE_MS) clock.write(next.offsetMs);
    if (next.up !== up || next.signedOut !== signedOut || next.outdated !== outdated) onChange(up);
  }

  return {
    get state() {
      return state;
    },
    get serverMs() {
      return base.isHeard ? serverNow() : null;
    },
    now() {
      const setBackMs = serverNow() - now() - state.offsetMs;
      // This device's clock was set back. One that was set forward looks like a sleep.
      if (setBackMs > NOTABLE_MS) become({ ...state, offsetMs: state.offsetMs + setBackMs });
      return now() + state.offsetMs;
    },
    heard(at, protocol) {
      const outdated = protocol === undefined ? state.outdated : protocol !== PROTOCOL_VERSION;
      const serverMs = Date.parse(at);
      become({ up: true, signedOut: false, outdated, offsetMs: serverMs - now() }, serverMs);
    },
    failed: () => become({ ...state, up: false }),
    signedOut: () => become({ ...state, up: false, signedOut: true }),
    takeOver: become,
  };
}
