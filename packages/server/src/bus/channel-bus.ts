import { requireWhole } from "../option-checks.ts";
import type { Bus, BusListener, Notice } from "./bus.ts";
import { ChannelConnection } from "./channel-connection.ts";
import type { OpenChannel } from "./channel.ts";
import { decodeNotice } from "./notice-codec.ts";
import { WaitingNotices } from "./waiting-notices.ts";

/** The options that every bus over a channel has. */
export interface ChannelBusOptions {
  /**
   * How often a node checks that it hears what it sends, in milliseconds. Default 10,000. A lost connection is usually
   * noticed at once. The check finds a connection that delivers nothing and says nothing, within twice this time.
   */
  readonly checkEveryMs?: number;
}

const CHECK_EVERY_MS = 10_000;

/**
 * How far apart a node's sends are at least, in milliseconds: one NOTIFY takes a lock that all commits of the cluster share.
 * A notice after a silence is sent at once. Those that follow it are collected.
 */
const COLLECT_MS = 5;

/** A bus over a channel of another server. All listeners share one connection. */
export class ChannelBus implements Bus {
  readonly #openChannel: OpenChannel;
  readonly #checkEveryMs: number;
  readonly #waiting = new WaitingNotices();
  readonly #listeners = new Set<BusListener>();
  #connection: ChannelConnection | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #isFlushPlanned = false;
  #flushedMs = -Infinity;
  /** All sends that are under way. It never fails. */
  #flushing: Promise<void> | undefined;

  constructor(open: OpenChannel, { checkEveryMs = CHECK_EVERY_MS }: ChannelBusOptions) {
    requireWhole("checkEveryMs", checkEveryMs, 1);
    this.#openChannel = open;
    this.#checkEveryMs = checkEveryMs;
  }

  open(opened: BusListener): () => Promise<void> {
    // A new object: one listener may be opened twice, and is then removed twice.
    const listener: BusListener = {
      onNotices: (notices) => opened.onNotices(notices),
      onListeningChange: (isListening) => opened.onListeningChange(isListening),
    };
    this.#listeners.add(listener);
    this.#connection ??= this.#connect();
    // After this call: the caller has not noted yet that it has opened the bus.
    queueMicrotask(() => {
      if (this.#connection?.isListening && this.#listeners.has(listener)) listener.onListeningChange(true);
    });
    let closing: Promise<void> | undefined;
    return () => (closing ??= this.#remove(listener));
  }

  publish(notice: Notice): void {
    if (this.#listeners.size === 0) return;
    this.#waiting.keep(notice);
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    const waitMs = this.#flushedMs + COLLECT_MS - performance.now();
    if (waitMs > 0) this.#flushTimer = setTimeout(() => void this.#flush(), waitMs);
    // Not within this call: what the node publishes in one turn goes together.
    else setImmediate(() => void this.#flush());
  }

  #connect(): ChannelConnection {
    return new ChannelConnection({
      open: this.#openChannel,
      checkEveryMs: this.#checkEveryMs,
      onPayload: (payload) => {
        const notice = decodeNotice(payload);
        if (notice !== undefined) for (const each of this.#listeners) each.onNotices([notice]);
      },
      onListeningChange: (isListening) => {
        for (const each of this.#listeners) each.onListeningChange(isListening);
        if (isListening) void this.#flush();
      },
    });
  }

  async #remove(listener: BusListener): Promise<void> {
    this.#listeners.delete(listener);
    const connection = this.#connection;
    if (this.#listeners.size > 0) return;
    // Who opens it again meanwhile gets a connection of their own.
    this.#connection = undefined;
    await this.#flush(connection);
    await connection?.close();
  }

  /** Resolves when nothing is under way any more: closing would cut it off. */
  #flush(connection = this.#connection): Promise<void> {
    const before = this.#flushing;
    const sending = this.#send(connection);
    return (this.#flushing = (async () => {
      await before;
      await sending;
    })());
  }

  async #send(connection: ChannelConnection | undefined): Promise<void> {
    clearTimeout(this.#flushTimer);
    this.#isFlushPlanned = false;
    // Notices wait while the connection is down: the other nodes do not know that this node cannot send.
    if (!connection?.isListening || this.#waiting.isEmpty) return;
    const taken = this.#waiting.take();
    this.#flushedMs = performance.now();
    if (await connection.send(taken.map(({ payload }) => payload))) return;
    for (const { notice } of taken) this.#waiting.keep(notice);
  }
}
