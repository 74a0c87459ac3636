import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, describe, expect, test } from "vitest";
import { busContract } from "../testing/bus/bus-contract.ts";
import { freePort } from "../testing/embedded/postgres-server.ts";
import { redisVersion, startRedis } from "../testing/bus/redis-server.ts";
import { redisBus, type IoRedisClient, type RedisClient } from "./redis-bus.ts";

const clients: Readonly<Record<string, (url: string) => RedisClient>> = {
  redis: (url) => createClient({ url }),
  ioredis: (url) => new Redis(url),
};

describe.skipIf(redisVersion() === undefined)("with a Redis server, which is not installed everywhere", async () => {
  if (redisVersion() === undefined) return;
  const { url, stop } = await startRedis();
  const admin = createClient({ url });
  await admin.connect();
  afterAll(async () => {
    admin.destroy();
    await stop();
  });

  describe.for(Object.entries(clients))("and the client of %s", ([, makeClient]) => {
    busContract({
      url,
      make: (through, options) => redisBus({ client: () => makeClient(through), ...options }),
      cut: async () => {
        await admin.sendCommand(["CLIENT", "KILL", "SKIPME", "yes"]);
      },
      connections: async () => (await admin.pubSubNumSub("sessions"))["sessions"] ?? 0,
    });

    test("Redis that has lost its data tells nobody anything wrong", async () => {
      const bus = redisBus({ client: () => makeClient(url) });
      const arrived: unknown[] = [];
      const { promise: open, resolve } = Promise.withResolvers<void>();
      const close = bus.open({ onNotices: (notices) => arrived.push(...notices), onListeningChange: () => resolve() });
      await open;
      await admin.flushAll();
      await admin.publish("sessions", "no notice");
      bus.publish({ kind: "sign_in", content: 1 });
      await expect.poll(() => arrived).toEqual([{ kind: "sign_in", content: 1 }]);
      await close();
    });
  });
});

test.for(Object.entries(clients))(
  "while the server is away, each client of %s that could not connect is closed",
  async ([, makeClient]) => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    const made: RedisClient[] = [];
    const client = () => {
      made.push(makeClient(url));
      return made.at(-1)!;
    };
    const close = redisBus({ client }).open({ onNotices: () => {}, onListeningChange: () => {} });
    await expect.poll(() => made.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(8);
    await close();
    await expect.poll(() => made.filter(isOpen)).toEqual([]);
  },
);

const isOpen = (client: RedisClient) =>
  "isOpen" in client ? client.isOpen : (client as unknown as Redis).status !== "end";

test("S17: a server that takes everything and delivers nothing is never listened to", async () => {
  let sent = 0;
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const client: IoRedisClient = {
    publish: () => Promise.resolve((sent += 1)).finally(resolve),
    subscribe: () => Promise.resolve(),
    on: () => undefined,
    disconnect: () => undefined,
  };
  const bus = redisBus({ client: () => client });
  const changes: boolean[] = [];
  const close = bus.open({ onNotices: () => {}, onListeningChange: (isListening) => changes.push(isListening) });
  await asked;
  await close();
  expect({ sent, changes }).toEqual({ sent: 1, changes: [] });
});

test("a channel without a name is refused when the bus is made", () => {
  expect(() => redisBus({ client: () => new Redis({ lazyConnect: true }), channel: "" })).toThrow(/channel/);
});
