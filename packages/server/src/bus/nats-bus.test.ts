import { connect } from "@nats-io/transport-node";
import { afterAll, describe, expect, test } from "vitest";
import { busContract } from "../testing/bus/bus-contract.ts";
import { natsVersion, startNats } from "../testing/bus/nats-server.ts";
import { natsBus } from "./nats-bus.ts";

describe.skipIf(natsVersion() === undefined)("with a NATS server, which is not installed everywhere", async () => {
  if (natsVersion() === undefined) return;
  const server = await startNats();
  afterAll(() => server.stop());
  busContract({
    url: server.url,
    make: (through, options) => natsBus({ connection: () => connect({ servers: through }), ...options }),
    cut: () => server.restart(),
    connections: async () => {
      const reply = await fetch(`${server.monitorUrl}/connz`);
      return ((await reply.json()) as { num_connections: number }).num_connections;
    },
  });
});

test.for(["", "two words", "all.>", "*", "a..b"])(
  "a subject that is none is refused when the bus is made: %j",
  (subject) => {
    expect(() => natsBus({ connection: () => connect(), subject })).toThrow(/subject/);
  },
);
