import { SessionsError } from "@sessions/core/internal";
import type { Bus } from "./bus.ts";
import { ChannelBus, type ChannelBusOptions } from "./channel-bus.ts";
import type { Channel, ChannelEvents } from "./channel.ts";

/** The part of a `pg` Client that the bus uses. */
export interface ListeningClient {
  connect(): Promise<unknown>;
  query(text: string, values?: unknown[]): Promise<unknown>;
  on(event: "notification", listener: (message: { payload?: string | undefined }) => void): unknown;
  on(event: "error" | "end", listener: () => void): unknown;
  end(): Promise<void>;
}

export interface PostgresBusOptions extends ChannelBusOptions {
  /**
   * Makes a `pg` Client for the bus alone. It must reach Postgres directly: behind a pooler in transaction mode a
   * listener gets no notices.
   */
  readonly client: () => ListeningClient;
  /** The notification channel. Default `"sessions"`. */
  readonly channel?: string;
}

/**
 * A bus over Postgres' LISTEN and NOTIFY, on a separate connection. Give the same bus to every part of the server on a
 * node: they share the connection.
 *
 * @throws {SessionsError} `configuration_invalid` if the channel is not a lower-case name.
 * @example
 * postgresBus({ client: () => new Client({ connectionString: process.env.DIRECT_DATABASE_URL }) })
 */
export function postgresBus({ client, channel = "sessions", ...options }: PostgresBusOptions): Bus {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(channel)) {
    throw new SessionsError("configuration_invalid", "`channel` is a lower-case Postgres name.");
  }
  return new ChannelBus((events) => openChannel(client(), channel, events), options);
}

async function openChannel(
  client: ListeningClient,
  channel: string,
  { onPayload, onLost }: ChannelEvents,
): Promise<Channel> {
  client.on("error", onLost);
  client.on("end", onLost);
  client.on("notification", ({ payload = "" }) => onPayload(payload));
  try {
    await client.connect();
    await client.query(`listen ${channel}`);
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  // A client runs one statement at a time.
  let last: Promise<unknown> = Promise.resolve();
  return {
    send: (payloads) =>
      (last = last
        .catch(() => {})
        .then(() =>
          client.query("select pg_notify($1, payload) from unnest($2::text[]) as payload", [channel, payloads]),
        )),
    close: () => client.end(),
  };
}
