import { PROTOCOL_VERSION, type WatchEvent } from "@sessions/core/internal";
import { createElection, isHidden } from "./election.ts";
import { isServerRender, type Environment } from "../../environment.ts";
import { createTimer } from "../timer.ts";
import type { Connection, ConnectionState } from "../connection.ts";

/** The messages among the tabs of one owner and profile. */
export type TabMessage =
  /** These records have other content on the disk. */
  | { readonly kind: "stored"; readonly ids: readonly string[] }
  /** There are commands to push now. `drafts`: drafts too, because the person has paused. */
  | { readonly kind: "wake"; readonly drafts: boolean }
  /** The state of the connection. A tab that pushes or watches sends it. */
  | { readonly kind: "connection"; readonly state: ConnectionState; readonly serverMs: number | null }
  /** An event of the stream, for tabs that read other flows than the tab that holds the stream. */
  | { readonly kind: "event"; readonly event: WatchEvent }
  /** A tab asks for the state of the connection. */
  | { readonly kind: "hello" }
  /** The owner signed out. */
  | { readonly kind: "forgotten" };

/** A message with the names of the elections whose leader sends it. */
type SentMessage = TabMessage & { readonly leads: readonly string[] };

/** How long a hidden tab leads if tabs cannot elect a leader, in milliseconds. */
const HIDDEN_MS = 10_000;

export interface Tabs {
  /** Whether this tab pushes for all tabs of its code version. */
  readonly isLeader: boolean;
  /** Whether this tab holds the stream for all tabs, of every code version. */
  readonly watches: boolean;
  tell(message: TabMessage): void;
  /** Tells the state of the connection, if this tab pushes or watches. */
  tellConnection(): void;
  /** Asks the tabs that push and watch for the state of the connection. A tab that does not answer is asleep, and is replaced. */
  ask(): void;
  /** The page is visible or awake again. */
  back(): void;
  /** The page is hidden now. */
  hidden(): void;
  /** The page falls asleep: another tab becomes the leader. */
  leave(): void;
  close(): void;
}

export interface TabsOptions {
  /** Unique to the owner and profile. */
  readonly name: string;
  readonly environment: Environment;
  /** The versions of the flows that this tab reads. Each code version has a leader: after a deploy one browser runs old and new code. */
  readonly codeVersion: string;
  /** The tabs that push and watch share its state with all others. */
  readonly connection: Connection;
  /** Whether no other tab can read the records of this one. Then it pushes and watches for itself. */
  readonly isAlone: () => boolean;
  readonly onMessage: (message: TabMessage) => void;
  /** `isLeader` or `watches` has changed. */
  readonly onChange: () => void;
}

/**
 * Elects the tab that pushes for each code version, and which of those tabs holds the stream for all. Elections only save
 * work. In a browser without Web Locks, or without a channel to the leader, every visible tab leads, and the server's
 * receipts keep the result correct.
 */
export function openTabs(options: TabsOptions): Tabs {
  const { name, environment, codeVersion, connection, isAlone, onMessage, onChange } = options;
  const channel = isServerRender() || typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name);
  const locks = channel && globalThis.navigator?.locks;
  const watching = createElection({ name: `${name} stream ${PROTOCOL_VERSION}`, environment, locks, onChange });
  const pushing = createElection({
    name: `${name} ${codeVersion}`,
    environment,
    locks,
    onChange() {
      if (pushing.isLeader) watching.enter();
      else watching.leave();
      onChange();
    },
  });
  const elections = [pushing, watching];
  let closed = false;
  const hiding = createTimer(environment);

  function enter(): void {
    if (closed) return;
    pushing.enter();
    if (pushing.isLeader) watching.enter();
  }

  function leave(): void {
    hiding.clear();
    pushing.leave();
  }

  function tell(message: TabMessage): void {
    const leads = elections.filter(({ isLeader }) => isLeader).map((election) => election.name);
    if (!closed) channel?.postMessage({ ...message, leads });
  }

  function tellConnection(): void {
    const { state, serverMs } = connection;
    if (pushing.isLeader || watching.isLeader) tell({ kind: "connection", state, serverMs });
  }

  // The channel is of this origin and its name holds the owner, so only these tabs send on it.
  channel?.addEventListener("message", ({ data }: MessageEvent<SentMessage>) => {
    if (data.kind === "connection") {
      for (const election of elections) if (data.leads.includes(election.name)) election.answered();
      if (!tabs.watches) connection.takeOver(data.state, data.serverMs);
    }
    if (data.kind === "hello") tellConnection();
    onMessage(data);
  });
  // `onChange` may be called only after the caller has the returned object.
  queueMicrotask(enter);

  const tabs: Tabs = {
    get isLeader() {
      return pushing.isLeader || isAlone();
    },
    get watches() {
      return watching.isLeader || isAlone();
    },
    tell,
    tellConnection,
    ask() {
      if (pushing.isLeader && watching.isLeader) return;
      tell({ kind: "hello" });
      for (const election of elections) election.expectAnswer();
    },
    back: enter,
    hidden() {
      if (pushing.isPossible) return;
      hiding.set(HIDDEN_MS, () => isHidden() && leave());
    },
    leave,
    close() {
      leave();
      closed = true;
      channel?.close();
    },
  };
  return tabs;
}
