import { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../../testing/random.ts";
import { startPostgres } from "../../testing/embedded/postgres-server.ts";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";
import { proxied } from "../../testing/connections/tcp-proxy.ts";
import { lifetimeOf } from "../lifetime.ts";
import { OVERLAP_MS } from "../token/rotation.ts";
import type { Token } from "../token/token.ts";
import type { CheckResult } from "./sign-in-keeper.ts";

const REQUESTS = 50;
const NODES = 3;
const DROPPED = 0.3;
const LEASE_MS = 10_000;
const rotateMs = 3_600_000;
const postgres = await startPostgres();
const random = new Random(16);
/** The clock of all nodes: a kill and a start take no time. */
let nowMs = Date.UTC(2026, 5, 1);

/** A node with a network of its own to Postgres. When it is killed, nothing that it waits for comes any more. */
async function createNode() {
  const { proxy, url } = await proxied(postgres.url);
  const pool = new Pool({ connectionString: url, max: 3 });
  pool.on("error", () => {});
  const clocks = { now: () => nowMs, elapsedMs: () => nowMs };
  const keeper = testKeeper(pool, {
    ...clocks,
    leaseMs: LEASE_MS,
    rotateMs,
    lifetime: lifetimeOf("aal1"),
    report: () => {},
  });
  const dead = Promise.withResolvers<"dropped">();
  const kill = async () => {
    dead.resolve("dropped");
    proxy.refusing = true;
    proxy.cut();
    await keeper.close();
    await pool.end();
    await proxy.close();
  };
  return { keeper, dead: dead.promise, kill };
}

type Node = Awaited<ReturnType<typeof createNode>>;
const nodes: Node[] = [];

beforeAll(async () => {
  for (let count = 0; count < NODES; count += 1) nodes.push(await createNode());
  await nodes[0]!.keeper.migrate();
});
afterAll(async () => {
  for (const node of nodes) await node.kill();
  await postgres.stop();
});

/** What the browser learns of one request: "dropped" if the reply is lost, or if its node dies first. */
type Reply = CheckResult | "dropped" | "unavailable";

async function ask({ keeper, dead }: Node, token: Token): Promise<Reply> {
  const check = async () => keeper.check(token);
  const checked = check().catch(({ code }: { readonly code: string }) => {
    expect(["database_unreachable", "closed"]).toContain(code);
    return "unavailable" as const;
  });
  const reply = await Promise.race([checked, dead]);
  return random.next() < DROPPED ? "dropped" : reply;
}

const askAtOnce = (choose: (index: number) => Token) =>
  Array.from({ length: REQUESTS }, (_, index) => ask(nodes[index % NODES]!, choose(index)));

/** A node that dies in the middle of its work, and the empty one that takes its place. */
async function replaceOne(): Promise<void> {
  const index = random.between(0, NODES - 1);
  const killed = nodes[index]!.kill();
  nodes[index] = await createNode();
  await killed;
}

async function restartPostgres(): Promise<void> {
  await postgres.kill();
  await postgres.restart();
}

/** Lets this many turns of the event loop pass: so far are the requests when something dies. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
}

const offersOf = (replies: readonly Reply[]) =>
  replies.flatMap((reply) => (typeof reply === "object" && reply.kind === "live" && reply.offer ? [reply.offer] : []));

const secretOf = ({ generation, secret }: Token) => `${generation} ${Buffer.from(secret).toString("hex")}`;

/** Asks until there is an answer, as a browser does after a 503. */
async function askUntilAnswered(token: Token): Promise<CheckResult> {
  for (;;) {
    const reply = await ask(random.pick(nodes), token);
    if (typeof reply === "object") return reply;
    await turns(20);
  }
}

const kills: Readonly<Record<string, () => Promise<void>>> = { "a node": replaceOne, Postgres: restartPostgres };

test.each(Object.keys(kills))(
  "S16: of 50 requests at the instant of rotation on three nodes, while %s is killed and a third of the replies are lost, none is signed out, all get one successor, and two secrets are live",
  { timeout: 60_000 },
  async (what) => {
    const owner = `ada, ${what}`;
    let jar = (await signIn(nodes[0]!.keeper, owner)).token;
    const held = [jar];
    const failed: Reply[] = [];
    for (let round = 1; round <= 5; round += 1) {
      nowMs += rotateMs + OVERLAP_MS;
      // A browser settles on one branch before the next secret is due.
      expect(await askUntilAnswered(jar)).toMatchObject({ kind: "live" });
      nowMs += 1_000;
      const before = jar;
      const asked = askAtOnce(() => before);
      await turns(random.between(0, 40));
      await kills[what]!();
      const replies = await Promise.all(asked);
      const offers = offersOf(replies.concat(await askUntilAnswered(before)));
      expect(new Set(offers.map(secretOf)).size).toBe(1);
      jar = random.pick(offers);
      expect(jar.generation).toBe(before.generation + 1);
      held.push(jar);

      // The next secret is presented, while requests with the one before are still under way.
      const mixing = askAtOnce((index) => (index % 2 === 0 ? before : random.pick(offers)));
      await turns(random.between(0, 40));
      await kills[what]!();
      const mixed = (await Promise.all(mixing)).concat(await askUntilAnswered(jar), await askUntilAnswered(before));
      for (const reply of [...replies, ...mixed]) {
        if (typeof reply === "object") expect(reply.kind).toBe("live");
        else failed.push(reply);
      }
      expect(new Set([...offersOf(mixed).map(secretOf), secretOf(jar)]).size).toBe(1);
    }
    expect(failed).toContain(what === "Postgres" ? "unavailable" : "dropped");
    expect((await nodes[0]!.keeper.history(owner)).rows.map(({ kind }) => kind)).toEqual(["signed_in"]);
    // The older ones are right, and end the sign-in: nobody but a thief has them.
    const [current, previous, older] = held.toReversed() as [Token, Token, Token];
    for (const token of [current, previous]) expect((await askUntilAnswered(token)).kind).toBe("live");
    expect((await askUntilAnswered(older)).kind).toBe("nobody");
    nowMs += LEASE_MS;
    for (const token of [previous, current]) expect((await askUntilAnswered(token)).kind).toBe("nobody");
  },
);
