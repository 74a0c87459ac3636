/** The part of a `pg` Client that the bus uses. */
export interface ListeningClient {
  connect(): Promise<unknown>;
  query(text: string, values?: unknown[]): Promise<unknown>;
  on(event: "notification", listener: (message: { payload?: string | undefined }) => void): unknown;
  on(event: "error" | "end", listener: () => void): unknown;
  end(): Promise<void>;
}

export interface ListeningConnectionOptions {
  readonly makeClient: () => ListeningClient;
  readonly channel: string;
  readonly onPayload: (payload: string) => void;
  readonly onListeningChange: (isListening: boolean) => void;
}

/** How often the connection is checked, and how long the answer may take, in milliseconds. */
const PROBE_MS = 10_000;
const PROBE_ANSWER_MS = 5_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;

/** A connection that listens to a channel of Postgres. When it is lost, it comes back by itself. */
export class ListeningConnection {
  readonly #options: ListeningConnectionOptions;
  #client: ListeningClient | undefined;
  /** The last statement. A client runs one statement at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #probeTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retries = 0;
  #closed = false;

  constructor(options: ListeningConnectionOptions) {
    this.#options = options;
    void this.#connect();
  }

  get isListening(): boolean {
    return this.#client !== undefined;
  }

  /** Whether the payloads were sent. If not, the connection is away. */
  async send(payloads: readonly string[]): Promise<boolean> {
    const client = this.#client;
    if (client === undefined) return false;
    try {
      await this.#ask(client, "select pg_notify($1, payload) from unnest($2::text[]) as payload", [
        this.#options.channel,
        payloads,
      ]);
      return true;
    } catch {
      this.#lose(client);
      return false;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#probeTimer);
    clearTimeout(this.#retryTimer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const { makeClient, channel, onPayload, onListeningChange } = this.#options;
    const client = makeClient();
    const lost = () => this.#lose(client);
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", ({ payload = "" }) => {
      if (!this.#closed) onPayload(payload);
    });
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
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
    onListeningChange(true);
  }

  #lose(client: ListeningClient): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    clearTimeout(this.#probeTimer);
    this.#options.onListeningChange(false);
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

  #ask(client: ListeningClient, text: string, values?: unknown[]): Promise<unknown> {
    const answer = this.#last.catch(() => {}).then(() => client.query(text, values));
    this.#last = answer;
    return answer;
  }
}
