import { SessionsError } from "@sessions/core/internal";
import type { Bus } from "./bus.ts";
import { ChannelBus, type ChannelBusOptions } from "./channel-bus.ts";
import type { Channel, ChannelEvents } from "./channel.ts";

/** The part of a client of `redis` that the bus uses. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  on(event: "error" | "end" | "reconnecting", listener: () => void): unknown;
  destroy(): void;
}

/** The part of a client of `ioredis` or `iovalkey` that the bus uses. */
export interface IoRedisClient {
  publish(channel: string, message: string): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  on(event: "message", listener: (channel: string, message: string) => void): unknown;
  on(event: "error" | "end" | "reconnecting", listener: () => void): unknown;
  disconnect(): void;
}

export type RedisClient = NodeRedisClient | IoRedisClient;

export interface RedisBusOptions extends ChannelBusOptions {
  /** Makes a client for the bus alone. The bus makes two, because one that subscribes cannot publish. It closes them. */
  readonly client: () => RedisClient;
  /** The channel. Default `"sessions"`. */
  readonly channel?: string;
}

/**
 * A bus over PUBLISH and SUBSCRIBE of Redis or Valkey. Redis keeps nothing: it may lose its data, or start again empty.
 *
 * @throws {SessionsError} `configuration_invalid` if the channel is empty.
 * @example
 * redisBus({ client: () => createClient({ url: process.env.REDIS_URL }) }) // of "redis"
 * redisBus({ client: () => new Redis(process.env.REDIS_URL) })             // of "ioredis"
 */
export function redisBus({ client, channel = "sessions", ...options }: RedisBusOptions): Bus {
  if (channel === "") throw new SessionsError("configuration_invalid", "`channel` is not empty.");
  return new ChannelBus((events) => openChannel(client, channel, events), options);
}

async function openChannel(
  makeClient: () => RedisClient,
  channel: string,
  { onPayload, onLost }: ChannelEvents,
): Promise<Channel> {
  const [listening, publishing] = [makeClient(), makeClient()];
  const clients = [listening, publishing];
  const { promise: lost, reject } = Promise.withResolvers<never>();
  const replace = () => {
    onLost();
    reject(new Error("A client was lost."));
  };
  for (const client of clients) replaceWhenLost(client, replace);
  const close = async () => clients.forEach(end);
  const open = async () => {
    await Promise.all(clients.map(connect));
    await subscribe(listening, channel, onPayload);
  };
  try {
    // A client that cannot connect tries for ever by itself. It is closed, because the bus makes another one.
    await Promise.race([open(), lost]);
  } catch (error) {
    await close();
    throw error;
  }
  return { send: (payloads) => Promise.all(payloads.map((payload) => publishing.publish(channel, payload))), close };
}

/** Clients connect again by themselves, but do not say what they have missed. */
function replaceWhenLost(client: NodeRedisClient | IoRedisClient, onLost: () => void): void {
  for (const event of ["error", "end", "reconnecting"] as const) client.on(event, onLost);
}

async function connect(client: RedisClient): Promise<void> {
  if ("isOpen" in client && !client.isOpen) await client.connect();
}

async function subscribe(client: RedisClient, channel: string, onPayload: (payload: string) => void): Promise<void> {
  if ("isOpen" in client) {
    await client.subscribe(channel, onPayload);
    return;
  }
  client.on("message", (_channel, message) => onPayload(message));
  await client.subscribe(channel);
}

function end(client: RedisClient): void {
  try {
    if ("isOpen" in client) client.destroy();
    else client.disconnect();
  } catch {
    // It was closed before.
  }
}
