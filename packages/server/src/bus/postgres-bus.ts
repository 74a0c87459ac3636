import { SessionsError } from "@sessions/core";
import type { Bus, BusListener, Notice } from "./bus.ts";

/** The part of a `pg` Client that the bus uses. */
export interface ListeningClient {
  connect(): Promise<unknown>;
  query(text: string, values?: unknown[]): Promise<unknown>;
  on(event: "notification", listener: (message: { payload?: string | undefined }) => void): unknown;
  on(event: "error" | "end", listener: () => void): unknown;
  end(): Promise<void>;
}

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
/** How often the bus checks that its connection still answers, and how long the answer may take, in milliseconds. */
const PROBE_MS = 10_000;
const PROBE_ANSWER_MS = 5_000;
/** The most sessions whose notices wait for a connection. Above it the oldest are dropped: listeners ask the database too. */
const MAX_WAITING = 10_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;

/**
 * A bus over Postgres' LISTEN and NOTIFY, on a separate connection.
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
  readonly #waiting = new Map<string, Notice>();
  #listener: BusListener | undefined;
  #client: ListeningClient | undefined;
  /** The last statement. A client runs one statement at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #flushTimer: NodeJS.Timeout | undefined;
  #probeTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retries = 0;
  #closed = false;

  constructor(client: () => ListeningClient, channel: string) {
    this.#makeClient = client;
    this.#channel = channel;
  }

  open(listener: BusListener): void {
    this.#listener = listener;
    void this.#connect();
  }

  publish(notice: Notice): void {
    if (this.#closed) return;
    this.#keep(notice);
    this.#flushTimer ??= setTimeout(() => void this.#flush(), COLLECT_MS);
  }

  #keep(notice: Notice): void {
    // An id is unique within one owner only: another owner may have a session with the same id.
    const key = `${notice.session} ${notice.owner}`;
    const waiting = this.#waiting.get(key);
    if (waiting === undefined || waiting.revision < notice.revision) this.#waiting.set(key, notice);
    if (this.#waiting.size <= MAX_WAITING) return;
    for (const oldest of this.#waiting.keys()) {
      this.#waiting.delete(oldest);
      break;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#flush();
    this.#closed = true;
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#probeTimer);
    clearTimeout(this.#retryTimer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const client = this.#makeClient();
    const lost = () => this.#lose(client);
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", ({ payload = "" }) => this.#hear(payload));
    try {
      await client.connect();
      await client.query(`listen ${this.#channel}`);
    } catch {
      this.#retryLater(client);
      return;
    }
    if (this.#closed) {
      await client.end().catch(() => {});
      return;
    }
    this.#client = client;
    this.#retries = 0;
    this.#probeLater(client);
    this.#listener?.hearing(true);
    await this.#flush();
  }

  #lose(client: ListeningClient): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    clearTimeout(this.#probeTimer);
    this.#listener?.hearing(false);
    this.#retryLater(client);
  }

  #retryLater(failed: ListeningClient): void {
    void failed.end().catch(() => {});
    if (this.#closed) return;
    const atMost = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#retries);
    this.#retries += 1;
    // Half of the wait is fixed and half is random, so nodes that lost the same server do not all return at once.
    this.#retryTimer = setTimeout(() => void this.#connect(), (atMost * (1 + Math.random())) / 2);
  }

  /** Asks the other end whether it is there: a connection that was lost without a message looks like an idle one. */
  #probeLater(client: ListeningClient): void {
    this.#probeTimer = setTimeout(() => {
      const answer = setTimeout(() => this.#lose(client), PROBE_ANSWER_MS);
      this.#ask(client, "select 1").then(
        () => {
          clearTimeout(answer);
          if (this.#client === client) this.#probeLater(client);
        },
        () => {
          clearTimeout(answer);
          this.#lose(client);
        },
      );
    }, PROBE_MS);
    this.#probeTimer.unref();
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const client = this.#client;
    // Notices wait while the connection is down: the other nodes do not know that this node cannot send.
    if (client === undefined || this.#waiting.size === 0) return;
    const notices = [...this.#waiting.values()];
    this.#waiting.clear();
    const payloads = notices.map(({ owner, session, revision }) => JSON.stringify([session, revision, owner]));
    try {
      await this.#ask(client, "select pg_notify($1, payload) from unnest($2::text[]) as payload", [
        this.#channel,
        payloads,
      ]);
    } catch {
      for (const notice of notices) this.#keep(notice);
      this.#lose(client);
    }
  }

  #ask(client: ListeningClient, text: string, values?: unknown[]): Promise<unknown> {
    const answer = this.#last.catch(() => {}).then(() => client.query(text, values));
    this.#last = answer;
    return answer;
  }

  #hear(payload: string): void {
    try {
      const [session, revision, owner] = JSON.parse(payload) as [string, number, string];
      this.#listener?.heard([{ session, revision, owner }]);
    } catch {
      // The message comes from another program on this channel.
    }
  }
}
