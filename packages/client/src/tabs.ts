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

export interface Tabs {
  /** Whether this tab pushes and watches for all. */
  readonly leads: boolean;
  tell(message: TabMessage): void;
  close(): void;
}

export interface TabsOptions {
  /** Unique to the owner and profile. */
  readonly name: string;
  /** What this tab can read. Each such group of tabs has a leader: after a deploy, old and new code lie in one browser. */
  readonly team: string;
  readonly onMessage: (message: TabMessage) => void;
  /** The tab has become the leader, for as long as it lives. */
  readonly onLead: () => void;
}

/**
 * Elects one tab by a Web Lock that it holds as long as it lives: being granted it means that the leader
 * before is gone. An election is an optimisation; a browser without Web Locks, or without a channel to reach
 * the leader, lets every tab lead, and the server's receipts keep that correct.
 */
export function openTabs({ name, team, onMessage, onLead }: TabsOptions): Tabs {
  const channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name);
  const locks = channel && globalThis.navigator?.locks;
  const closing = new AbortController();
  const closed = new Promise<void>((resolve) => closing.signal.addEventListener("abort", () => resolve()));
  let leads = false;

  function lead(): void {
    if (closing.signal.aborted || leads) return;
    leads = true;
    onLead();
  }

  // The channel is same-origin and its name holds the owner: only these tabs speak on it.
  channel?.addEventListener("message", ({ data }: MessageEvent<TabMessage>) => onMessage(data));

  if (locks) {
    const hold = () => {
      lead();
      return closed;
    };
    // Refused, as in a sandboxed frame, or given up on closing; `lead` tells the two apart.
    locks.request(`${name} ${team}`, { signal: closing.signal }, hold).catch(lead);
  } else {
    queueMicrotask(lead);
  }

  return {
    get leads() {
      return leads;
    },
    tell(message) {
      if (!closing.signal.aborted) channel?.postMessage(message);
    },
    close() {
      closing.abort();
      channel?.close();
    },
  };
}
