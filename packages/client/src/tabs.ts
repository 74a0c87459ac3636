import { isServer, type Environment } from "./environment.ts";
import type { LinkState } from "./link.ts";

/** What tabs of one owner and profile tell one another. */
export type TabMessage =
  /** These records have other content on the disk. */
  | { readonly kind: "stored"; readonly ids: readonly string[] }
  /** There is something to push, now: commands, and drafts too once there was a pause. */
  | { readonly kind: "wake"; readonly drafts: boolean }
  /** How the leader's connection is. */
  | { readonly kind: "link"; readonly state: LinkState }
  /** A tab wants to know how the connection is. */
  | { readonly kind: "hello" }
  /** The owner signed out. */
  | { readonly kind: "forgotten" };

/** How long a leader may leave a tab that is seen without an answer, in milliseconds. */
const SILENCE_MS = 2_000;

/** How long a hidden tab goes on leading where tabs cannot elect one, in milliseconds. */
const HIDDEN_MS = 10_000;

export interface Tabs {
  /** Whether this tab pushes and watches for all. */
  readonly leads: boolean;
  tell(message: TabMessage): void;
  /** Asks the leader how the connection is. One that does not answer has fallen asleep, and is replaced. */
  ask(): void;
  /** The page is seen or awake again. */
  back(): void;
  /** The page is not seen any more. */
  hidden(): void;
  /** The page falls asleep: another tab's turn. */
  leave(): void;
  close(): void;
}

export interface TabsOptions {
  /** Unique to the owner and profile. */
  readonly name: string;
  readonly environment: Environment;
  /** What this tab can read. Each such group of tabs has a leader: after a deploy, old and new code lie in one browser. */
  readonly team: string;
  readonly onMessage: (message: TabMessage) => void;
  /** `leads` has changed. */
  readonly onTurn: () => void;
}

/**
 * Elects one tab by a Web Lock that it holds while it is awake: being granted it means that the leader before is
 * gone. An election is an optimisation; a browser without Web Locks, or without a channel to reach the leader,
 * lets every tab lead that is seen, and the server's receipts keep that correct.
 */
export function openTabs({ name, environment, team, onMessage, onTurn }: TabsOptions): Tabs {
  const channel = isServer() || typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name);
  let locks = channel && globalThis.navigator?.locks;
  let leads = false;
  let closed = false;
  // The place in the queue; aborting it gives the place up, or the lock once it is held.
  let place: AbortController | undefined;
  let cancelTimer: (() => void) | undefined;

  function calm(): void {
    cancelTimer?.();
    cancelTimer = undefined;
  }

  function become(leader: boolean): void {
    if (leads === leader || closed) return;
    calm();
    leads = leader;
    onTurn();
  }

  function enter(steal: boolean): void {
    if (closed) return;
    if (!locks) return become(!isHidden());
    place?.abort();
    const mine = (place = new AbortController());
    const { signal } = mine;
    const held = new Promise<void>((resolve) => (signal.onabort = () => resolve()));
    const hold = () => {
      if (mine === place) become(true);
      return held;
    };
    locks.request(`${name} ${team}`, steal ? { steal } : { signal }, hold).catch((error: unknown) => {
      if (mine !== place) return;
      // Stolen from a tab that slept; else refused, as in a sandboxed frame.
      if (!isAbort(error)) locks = undefined;
      else become(false);
      enter(false);
    });
  }

  function leave(): void {
    calm();
    place?.abort();
    place = undefined;
    become(false);
  }

  function tell(message: TabMessage): void {
    if (!closed) channel?.postMessage({ ...message, team });
  }

  // The channel is same-origin and its name holds the owner: only these tabs speak on it.
  channel?.addEventListener("message", ({ data }: MessageEvent<TabMessage & { readonly team: string }>) => {
    if (data.kind === "link" && data.team === team) calm();
    onMessage(data);
  });
  // Not before whoever opens has what it opens.
  queueMicrotask(() => enter(false));

  return {
    get leads() {
      return leads;
    },
    tell,
    ask() {
      if (leads || !place) return;
      tell({ kind: "hello" });
      cancelTimer ??= environment.after(SILENCE_MS, () => {
        cancelTimer = undefined;
        if (!isHidden()) enter(true);
      });
    },
    back() {
      if (!place) enter(false);
    },
    hidden() {
      if (locks) return;
      calm();
      cancelTimer = environment.after(HIDDEN_MS, () => isHidden() && leave());
    },
    leave,
    close() {
      leave();
      closed = true;
      channel?.close();
    },
  };
}

/** Outside a browser nothing is ever hidden. */
function isHidden(): boolean {
  return globalThis.document?.hidden ?? false;
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
