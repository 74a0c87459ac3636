import { fork } from "node:child_process";
import { once } from "node:events";
import { Client } from "pg";
import { postgresBus } from "@sessions/server";
import { createNode } from "../servers/application.ts";
import type { DurablePostgres } from "../servers/database.ts";
import type { ProbeRequest } from "../probe.ts";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { compareVariants, medianOf, type Variant } from "../rounds.ts";
import { serveRelay, serveTrpc } from "../servers/http-server.ts";

/** 5: how long it takes from one device to another. */
export async function measureDevices(
  postgres: DurablePostgres,
  { rounds, roundMs }: BenchmarkSize,
): Promise<Measurement> {
  const { pool, url } = await postgres.create("devices");
  const bus = () => postgresBus({ client: () => new Client({ connectionString: url }) });
  const alone = createNode(pool);
  const [one, other] = [createNode(pool, { bus: bus() }), createNode(pool, { bus: bus() })];
  await alone.migrate();
  const listener = new Client({ connectionString: url });
  await listener.connect();
  const servers = await Promise.all([serveTrpc(alone), serveTrpc(one), serveTrpc(other), serveRelay(pool, listener)]);
  const [aloneAt, oneAt, otherAt, relayAt] = servers.map(({ url: origin }) => origin) as [
    string,
    string,
    string,
    string,
  ];
  const prober = fork(new URL("../probe.ts", import.meta.url), { execArgv: ["--conditions=@sessions/source"] });

  const variant = (what: string, probe: Omit<ProbeRequest, "ms">): Variant => ({
    what,
    at: null,
    unit: "ms",
    round: async () => {
      prober.send({ ...probe, ms: roundMs } satisfies ProbeRequest);
      const [time] = (await once(prober, "message")) as [number];
      return time;
    },
  });
  const rows = await compareVariants(
    [
      variant("one node", { kind: "sessions", from: aloneAt, to: aloneAt }),
      variant("two nodes, postgresBus", { kind: "sessions", from: oneAt, to: otherAt }),
      variant("one node, through the lane", { kind: "lane", from: aloneAt, to: aloneAt }),
      variant("two nodes, through the lane", { kind: "lane", from: oneAt, to: otherAt }),
      variant("bare pg_notify → SSE relay", { kind: "relay", from: relayAt, to: relayAt }),
    ],
    rounds,
  );
  prober.kill();
  for (const server of servers) await server.close();
  for (const node of [alone, one, other]) await node.close();
  await listener.end();

  const bare = medianOf(rows, "bare pg_notify → SSE relay");
  return {
    name: "devices",
    title: "From one device to another",
    how:
      "The time begins when one client sends, and ends when the stream of the other client brings the change. One change follows the " +
      "other. Both clients are in their own process. The relay runs one `pg_notify` with the same body, and writes each message to " +
      "the stream. It judges and stores nothing.",
    rows,
    ratios: [
      { what: "one node ÷ bare relay", value: medianOf(rows, "one node") / bare },
      { what: "two nodes ÷ bare relay", value: medianOf(rows, "two nodes, postgresBus") / bare },
      {
        what: "one node through the lane ÷ bare relay",
        value: medianOf(rows, "one node, through the lane") / bare,
        target: { atMost: 1.6 },
      },
      {
        what: "two nodes through the lane ÷ bare relay",
        value: medianOf(rows, "two nodes, through the lane") / bare,
        target: { atMost: 6 },
      },
    ],
  };
}
