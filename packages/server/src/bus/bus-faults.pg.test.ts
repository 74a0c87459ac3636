import { connect } from "@nats-io/transport-node";
import { Client, Pool } from "pg";
import { createClient } from "redis";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { natsBus, postgresBus, redisBus, type Bus, type Sessions } from "../index.ts";
import { createBank, draft, start, submit, TestClient } from "../testing/bank.ts";
import { duplicatingBus } from "../testing/bus/duplicating-bus.ts";
import { natsVersion, startNats } from "../testing/bus/nats-server.ts";
import { redisVersion, startRedis } from "../testing/bus/redis-server.ts";
import { proxied, type TcpProxy } from "../testing/connections/tcp-proxy.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { Random } from "../testing/random.ts";
import { watching } from "../testing/watcher.ts";

interface Node {
  readonly sessions: Sessions;
  readonly pool: Pool;
  /** Between the node's bus and its server. */
  readonly proxy: TcpProxy;
}

interface BusKind {
  readonly server: string;
  readonly isInstalled: boolean;
  start(): Promise<{ readonly url: string; stop?(): Promise<void> }>;
  makeBus(url: string): Bus;
}

const { url } = await freshDatabase();

const kinds: readonly BusKind[] = [
  {
    server: "Postgres",
    isInstalled: true,
    start: async () => ({ url }),
    makeBus: (through) => postgresBus({ client: () => new Client({ connectionString: through }) }),
  },
  {
    server: "Redis",
    isInstalled: redisVersion() !== undefined,
    start: startRedis,
    makeBus: (through) => redisBus({ client: () => createClient({ url: through }) }),
  },
  {
    server: "NATS",
    isInstalled: natsVersion() !== undefined,
    start: startNats,
    makeBus: (through) => natsBus({ connection: () => connect({ servers: through }) }),
  },
];

describe.for(kinds.filter(({ isInstalled }) => isInstalled))("over $server", ({ start: startServer, makeBus }) => {
  const random = new Random(8);
  let nodes: readonly [Node, Node, Node];
  let stopServer: (() => Promise<void>) | undefined;

  async function makeNode(busUrl: string): Promise<Node> {
    const pool = new Pool({ connectionString: url, max: 5 });
    const { proxy, url: through } = await proxied(busUrl);
    return { sessions: createBank(pool, { bus: duplicatingBus(makeBus(through), random) }), pool, proxy };
  }

  beforeAll(async () => {
    const server = await startServer();
    stopServer = server.stop;
    nodes = [await makeNode(server.url), await makeNode(server.url), await makeNode(server.url)];
    await nodes[0].sessions.migrate();
  });
  afterAll(async () => {
    for (const { sessions, pool, proxy } of nodes) {
      await sessions.close();
      await pool.end();
      await proxy.close();
    }
    await stopServer?.();
  });

  /** Breaks the bus of a random node, or does nothing. */
  function disturb(): void {
    const { proxy } = random.pick(nodes);
    const chance = random.next();
    if (chance < 0.2) proxy.cut();
    else if (chance < 0.5) proxy.delayMs = random.between(1, 60);
    else proxy.delayMs = 0;
    if (chance > 0.95) {
      proxy.refusing = true;
      proxy.cut();
    } else if (chance > 0.8) proxy.refusing = false;
  }

  /** Starts a session of a new owner, who may send to each node. */
  async function startOne() {
    const owner = uuidv7();
    const session = uuidv7();
    const tellers = nodes.map(({ sessions }) => new TestClient(sessions, owner));
    await tellers[0]!.one(start(session, "notes"));
    return { owner, session, tellers };
  }

  function heal(): void {
    for (const { proxy } of nodes) {
      proxy.refusing = false;
      proxy.delayMs = 0;
    }
  }

  test(
    "S8: with the bus cut, delayed and doubled, three nodes write one session without a gap, and every watcher ends at the newest",
    { timeout: 60_000 },
    async () => {
      const { owner, session, tellers } = await startOne();
      const watchers = await Promise.all(nodes.map(({ sessions }) => watching(sessions, owner)));
      const writes = tellers.map(async (teller, who) => {
        const revisions: number[] = [];
        for (let index = 0; index < 100; index += 1) {
          const outcome = await teller.one(draft(session, "right", `field${who}_${index}`, index));
          if (outcome.status === "accepted") revisions.push(outcome.revision);
          disturb();
        }
        return revisions;
      });
      const revisions = (await Promise.all(writes)).flat();
      expect(revisions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, index) => index + 2));
      heal();
      for (const watcher of watchers) {
        await watcher.reach(301);
        await watcher.stop();
      }
      const read = await Promise.all(tellers.map((teller) => teller.read(session)));
      expect(Object.keys(read[0]!.drafts["right"]!)).toHaveLength(300);
      expect(read).toEqual([read[0], read[0], read[0]]);
    },
  );

  test(
    "S3: with the bus cut, delayed and doubled, of two devices on two of three nodes that change one step, one wins and the other is told its value",
    { timeout: 60_000 },
    async () => {
      const { session, tellers } = await startOne();
      let seen: string | null = null;
      for (let round = 0; round < 50; round += 1) {
        disturb();
        // One node does not take part, and keeps the earlier state.
        const [one, other] = random
          .pick([
            [0, 1],
            [1, 2],
            [2, 0],
          ] as const)
          .map((who) => tellers[who]!) as [TestClient, TestClient];
        const commands = [0, 1].map((who) => submit(session, "left", { text: `${round} of ${who}` }, { left: seen }));
        const outcomes = await Promise.all([one.one(commands[0]!), other.one(commands[1]!)]);
        const winner = outcomes.findIndex(({ status }) => status === "accepted");
        const lost = { status: "refused", refusal: { code: "conflict", theirs: { text: `${round} of ${winner}` } } };
        const won = { status: "accepted", revision: round + 2 };
        expect(outcomes).toMatchObject([0, 1].map((who) => (who === winner ? won : lost)));
        seen = commands[winner]!.id;
      }
      heal();
    },
  );

  test("S10: what a node commits while its bus is cut, the watchers of another are sent once it is back", async () => {
    const [cutOff, other] = nodes;
    const { owner, session, tellers } = await startOne();
    const teller = tellers[0]!;
    const watcher = await watching(other.sessions, owner);
    cutOff.proxy.refusing = true;
    cutOff.proxy.cut();
    await teller.one(submit(session, "left", { text: "unheard" }));
    cutOff.proxy.refusing = false;
    await watcher.reach(2);
    await watcher.stop();
  });
});
