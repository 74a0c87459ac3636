import { SessionsError } from "@sessions/core/internal";
import type { Bus } from "./bus.ts";
import { ChannelBus, type ChannelBusOptions } from "./channel-bus.ts";
import type { Channel, ChannelEvents } from "./channel.ts";

/** The part of a connection of `@nats-io/transport-node` that the bus uses. */
export interface NatsConnection {
  publish(subject: string, payload: string): void;
  subscribe(
    subject: string,
    options: { readonly callback: (error: Error | null, message: { string(): string }) => void },
  ): unknown;
  /** Resolves when the server has taken what was published before. */
  flush(): Promise<void>;
  status(): AsyncIterable<{ readonly type: string }>;
  closed(): Promise<unknown>;
  close(): Promise<void>;
}

export interface NatsBusOptions extends ChannelBusOptions {
  /** Makes a connection for the bus alone, which closes it. */
  readonly connection: () => Promise<NatsConnection>;
  /** The subject. Default `"sessions"`. */
  readonly subject?: string;
}

/**
 * A bus over a subject of NATS. It needs no JetStream.
 *
 * @throws {SessionsError} `configuration_invalid` if the subject has a space or a wildcard, or is empty.
 * @example
 * natsBus({ connection: () => connect({ servers: process.env.NATS_URL }) })
 */
export function natsBus({ connection, subject = "sessions", ...options }: NatsBusOptions): Bus {
  if (!/^[^\s*>.]+(\.[^\s*>.]+)*$/.test(subject)) {
    throw new SessionsError("configuration_invalid", "`subject` is a NATS subject without spaces and wildcards.");
  }
  return new ChannelBus(async (events) => openChannel(await connection(), subject, events), options);
}

async function openChannel(
  connection: NatsConnection,
  subject: string,
  { onPayload, onLost }: ChannelEvents,
): Promise<Channel> {
  // It connects again by itself, and does not say what it has missed. So a lost one is replaced.
  void connection.closed().then(onLost, onLost);
  void watchStatus(connection, onLost).catch(onLost);
  const channel = {
    send: (payloads: readonly string[]) => {
      for (const payload of payloads) connection.publish(subject, payload);
      return connection.flush();
    },
    close: () => connection.close(),
  };
  try {
    connection.subscribe(subject, {
      callback: (error, message) => (error === null ? onPayload(message.string()) : onLost()),
    });
    await connection.flush();
    return channel;
  } catch (error) {
    await channel.close().catch(() => {});
    throw error;
  }
}

async function watchStatus(connection: NatsConnection, onLost: () => void): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === "disconnect" || type === "error") onLost();
  }
}
