import { TRPCClientError } from "@trpc/client";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROTOCOL_VERSION, type WatchEvent } from "@sessions/core/internal";
import { createBank, createLedger, start, submit } from "../testing/bank.ts";
import { adapters, clientOf, createHost, type Host, type Running } from "../testing/host.ts";
import { freshDatabase } from "../testing/postgres.ts";

const { pool } = await freshDatabase();
const sessions = createBank(pool);
const host: Host = createHost(sessions);
const device = { id: uuidv7(), name: "Test device" };

beforeAll(async () => {
  await sessions.migrate();
  await createLedger(pool);
});
afterAll(() => sessions.close());

const served = [
  ...Object.keys(adapters).map((name) => [name, "tRPC"] as const),
  ...["standalone", "express", "fastify"].map((name) => [name, "the lane"] as const),
];

test.for(served)(
  "mounted in a host served by the %s adapter and answered by %s, every procedure works over HTTP",
  async ([name, by]) => {
    const running: Running = await adapters[name]!(host, by === "the lane" ? sessions : undefined);
    const owner = `ada-${name}-${by}`;
    const client = clientOf(running.url, owner);
    try {
      expect(await client.requestedAt.query()).toBeInstanceOf(Date);

      const events: WatchEvent[] = [];
      const arrived = Promise.withResolvers<void>();
      const opened = Promise.withResolvers<void>();
      const stream = client.sessions.watch.subscribe(
        { protocol: PROTOCOL_VERSION, known: {} },
        {
          onData: (event) => {
            events.push(event);
            opened.resolve();
            if (event.snapshots.some(({ revision }) => revision === 2)) arrived.resolve();
          },
          onError: (error) => opened.reject(error),
        },
      );
      await opened.promise;

      const session = uuidv7();
      const left = submit(session, "left", { text: "Grüße 🦊" });
      const commands = [start(session, "notes"), left];
      const reply = await client.sessions.push.mutate({ protocol: PROTOCOL_VERSION, device, commands });
      expect(reply.outcomes).toMatchObject([{ revision: 1 }, { revision: 2 }]);
      await arrived.promise;
      stream.unsubscribe();

      expect((await client.sessions.read.query({ session })).session?.data).toEqual({ left: { text: "Grüße 🦊" } });
      const { active } = await client.sessions.list.query({ flow: null, limit: 10, after: null });
      expect(active.map(({ id }) => id)).toEqual([session]);
      const { snapshots } = await client.sessions.changes.query({
        protocol: PROTOCOL_VERSION,
        known: { [session]: 1 },
      });
      expect(snapshots).toMatchObject([{ id: session, revision: 2 }]);
      const { outcome } = await client.sessions.receipt.query({ session, command: left.id });
      expect(outcome).toEqual({ status: "accepted", revision: 2, replayed: true });

      const anonymous = await clientOf(running.url, undefined)
        .sessions.read.query({ session })
        .catch((error: unknown) => error);
      expect(anonymous).toBeInstanceOf(TRPCClientError);
      expect(anonymous).toMatchObject({ data: { code: "UNAUTHORIZED", host: "bank" } });
    } finally {
      await running.stop();
    }
  },
);
