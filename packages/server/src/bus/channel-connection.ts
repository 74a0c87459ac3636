import { withTimeLimit } from "../time-limit.ts";
import type { Channel, OpenChannel } from "./channel.ts";
import { Echo } from "./echo.ts";

export interface ChannelConnectionOptions {
  readonly open: OpenChannel;
  /** How often it is checked that payloads arrive, in milliseconds. */
  readonly checkEveryMs: number;
  readonly onPayload: (payload: string) => void;
  readonly onListeningChange: (isListening: boolean) => void;
}

/** How long an answer may take, in milliseconds. */
const ANSWER_MS = 5_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;

/** A connection to a channel. It listens while it hears what it sends. When it is lost or deaf, it is opened again. */
export class ChannelConnection {
  readonly #options: ChannelConnectionOptions;
  #channel: Channel | undefined;
  /** What fails at once when the channel is lost: each send that is under way. */
  readonly #sending = new Set<(error: Error) => void>();
  #checkTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retries = 0;
  #closed = false;

  constructor(options: ChannelConnectionOptions) {
    this.#options = options;
    void this.#connect();
  }

  get isListening(): boolean {
    return this.#channel !== undefined;
  }

  /** Whether the payloads were sent. If not, the connection is away. */
  async send(payloads: readonly string[]): Promise<boolean> {
    const channel = this.#channel;
    if (channel === undefined) return false;
    // Of its own: what races with a promise that lives as long as the connection is kept by it for so long.
    const { promise: lost, reject } = Promise.withResolvers<never>();
    this.#sending.add(reject);
    try {
      await inTime(Promise.race([channel.send(payloads), lost]));
      return true;
    } catch {
      this.#lose(channel);
      return false;
    } finally {
      this.#sending.delete(reject);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#checkTimer);
    clearTimeout(this.#retryTimer);
    const channel = this.#channel;
    this.#channel = undefined;
    await channel?.close().catch(() => {});
  }

  async #connect(): Promise<void> {
    const { open, onPayload, onListeningChange } = this.#options;
    const echo = new Echo();
    let onLost = () => {};
    const lost = new Promise<never>((_, reject) => (onLost = () => reject(connectionLost())));
    const opening = open({
      onPayload: (payload) => {
        if (!echo.take(payload) && !this.#closed) onPayload(payload);
      },
      onLost: () => onLost(),
    });
    try {
      const channel = await inTime(Promise.race([opening, lost]));
      await inTime(Promise.race([echo.hear(channel), lost]));
      if (this.#closed) throw new Error("The bus was closed meanwhile.");
      this.#channel = channel;
      this.#retries = 0;
      lost.catch(() => this.#lose(channel));
      this.#checkLater(channel, echo);
      onListeningChange(true);
    } catch {
      // It may still open later.
      opening.then(closeQuietly, () => {});
      this.#retryLater();
    }
  }

  #lose(channel: Channel): void {
    if (this.#channel !== channel) return;
    this.#channel = undefined;
    for (const fail of this.#sending) fail(connectionLost());
    clearTimeout(this.#checkTimer);
    void closeQuietly(channel);
    this.#options.onListeningChange(false);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#closed) return;
    const atMost = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#retries);
    this.#retries += 1;
    // Half of the wait is fixed and half is random, so nodes that lost the same server do not all return at once.
    this.#retryTimer = setTimeout(() => void this.#connect(), (atMost * (1 + Math.random())) / 2);
  }

  #checkLater(channel: Channel, echo: Echo): void {
    if (this.#channel !== channel) return;
    const { checkEveryMs } = this.#options;
    this.#checkTimer = setTimeout(() => {
      inTime(echo.hear(channel), Math.min(ANSWER_MS, checkEveryMs)).then(
        () => this.#checkLater(channel, echo),
        () => this.#lose(channel),
      );
    }, checkEveryMs);
    this.#checkTimer.unref();
  }
}

const connectionLost = () => new Error("The connection is lost.");

async function closeQuietly(channel: Channel): Promise<void> {
  await channel.close().catch(() => {});
}

function inTime<T>(answer: Promise<T>, timeMs = ANSWER_MS): Promise<T> {
  return withTimeLimit(timeMs, answer, () => {
    throw new Error(`No answer within ${timeMs} ms.`);
  });
}
