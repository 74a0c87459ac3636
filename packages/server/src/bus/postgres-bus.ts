import { SessionsError } from "@sessions/core/internal";
import type { Bus, BusListener, Notice } from "./bus.ts";
import { ListeningConnection, type ListeningClient } from "./listening-connection.ts";
import { decodeNotice } from "./notice-codec.ts";
import { WaitingNotices } from "./waiting-notices.ts";

export interface PostgresBusOptions {
  /**
   * Makes a `pg` Client for the bus alone. It must reach Postgres directly: behind a pooler in transaction mode a
   * listener gets no notices.
   */
  readonly client: () => ListeningClient;
  /** The notification channel. Default `"sessions"`. */
  readonly channel?: string;
}

/** How long notices are collected, in milliseconds: one NOTIFY takes a lock that all commits of the cluster share. */
const COLLECT_MS = 5;

/**
 * A bus over Postgres' LISTEN and NOTIFY, on a separate connection. Give the same bus to every part of the server on a
 * node: they share the connection.
 *
 * @throws {SessionsError} `configuration_invalid` if the channel is not a lower-case name.
 * @example
 * postgresBus({ client: () => new Client({ connectionString: process.env.DIRECT_DATABASE_URL }) })
 */
export function postgresBus({ client, channel = "sessions" }: PostgresBusOptions): Bus {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(channel)) {
    throw new SessionsError("configuration_invalid", "`channel` is a lower-case Postgres name.");
  }
  return new PostgresBus(client, channel);
}

class PostgresBus implements Bus {
  readonly #makeClient: () => ListeningClient;
  readonly #channel: string;
  readonly #waiting = new WaitingNotices();
  readonly #listeners = new Set<BusListener>();
  #connection: ListeningConnection | undefined;
  #flushTimer: NodeJS.Timeout | undefined;

  constructor(client: () => ListeningClient, channel: string) {
    this.#makeClient = client;
    this.#channel = channel;
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
    this.#flushTimer ??= setTimeout(() => void this.#flush(), COLLECT_MS);
  }

  #connect(): ListeningConnection {
    return new ListeningConnection({
      makeClient: this.#makeClient,
      channel: this.#channel,
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

  async #flush(connection = this.#connection): Promise<void> {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    // Notices wait while the connection is down: the other nodes do not know that this node cannot send.
    if (!connection?.isListening || this.#waiting.isEmpty) return;
    const taken = this.#waiting.take();
    if (await connection.send(taken.map(({ payload }) => payload))) return;
    for (const { notice } of taken) this.#waiting.keep(notice);
  }
}
