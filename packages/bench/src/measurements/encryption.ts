import { createSecretKey, randomBytes } from "node:crypto";
import { keysFromEnvironment, type KeyProvider } from "@sessions/server";
import { generateKey } from "../../../server/src/secrets/key-ring.ts";
import { open, seal, type Place } from "../../../server/src/secrets/sealed.ts";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { compareVariants, medianOf, throughput, type Variant } from "../rounds.ts";
import { createNode } from "../servers/application.ts";
import type { DurablePostgres } from "../servers/database.ts";
import { VirtualUsers } from "../virtual-users.ts";

const CALLERS = 64;
/** How many values of 1 kB are sealed and opened in a round. */
const VALUES = 20_000;

/** What sealing costs a submission, and one value by itself. */
export async function measureEncryption(
  postgres: DurablePostgres,
  { rounds, roundMs }: BenchmarkSize,
): Promise<Measurement> {
  const provider = countedKeys();
  const [clear, sealed] = [await usersOn(postgres, "clear"), await usersOn(postgres, "sealed", provider.keys)];
  const begin = Math.ceil((roundMs * 16) / CALLERS);
  let asked = 0;
  const submissions =
    ({ users }: typeof clear, measure: "rate" | "processor") =>
    async () => {
      const before = process.cpuUsage();
      const callsBefore = provider.calls();
      const startedMs = performance.now();
      const rate = await throughput(CALLERS, roundMs, (caller) => users.submit(caller));
      const { user, system } = process.cpuUsage(before);
      asked += provider.calls() - callsBefore;
      const calls = (rate * (performance.now() - startedMs)) / 1_000;
      return measure === "rate" ? rate : (user + system) / calls;
    };
  const variants = (
    [
      ["in clear", clear],
      ['`encrypt: "all"`', sealed],
    ] as const
  ).flatMap(([what, on]): readonly Variant[] => [
    {
      what: `${what}, 64 callers`,
      at: null,
      unit: "submits/s",
      prepare: () => on.users.begin(CALLERS, begin),
      round: submissions(on, "rate"),
    },
    {
      what: `${what}, Node alone`,
      at: null,
      unit: "µs a submission",
      prepare: () => on.users.begin(CALLERS, begin),
      round: submissions(on, "processor"),
    },
  ]);
  const rows = await compareVariants(
    [
      ...variants,
      { what: "seal 1 kB", at: null, unit: "µs", round: () => Promise.resolve(sealingTimes().sealUs) },
      { what: "open 1 kB", at: null, unit: "µs", round: () => Promise.resolve(sealingTimes().openUs) },
    ],
    rounds,
  );
  await clear.close();
  await sealed.close();

  const ratioOf = (kind: string) => medianOf(rows, `\`encrypt: "all"\`, ${kind}`) / medianOf(rows, `in clear, ${kind}`);
  return {
    name: "encryption",
    title: "Encryption at rest",
    how:
      "Two nodes with databases of their own take turns: one stores everything in clear, and one seals all that is typed " +
      '(`encrypt: "all"`), and keys the hashes of the histories. The callers are in the process, as for submissions. The ' +
      "microseconds are the processor time of this process. Values of 1 kB are sealed and opened by themselves.",
    rows,
    ratios: [
      { what: 'submissions/s: `encrypt: "all"` ÷ in clear', value: ratioOf("64 callers"), target: { atLeast: 0.9 } },
      { what: 'processor time of Node: `encrypt: "all"` ÷ in clear', value: ratioOf("Node alone") },
      { what: "a value of 1 kB is sealed in", value: medianOf(rows, "seal 1 kB"), unit: "µs", target: { atMost: 3 } },
      { what: "calls of the provider with warm keys", value: asked, target: { atMost: 0 } },
    ],
  };
}

async function usersOn(postgres: DurablePostgres, name: string, keys?: KeyProvider) {
  const { pool } = await postgres.create(name);
  const node = createNode(pool, keys && { keys, encrypt: "all" });
  await node.migrate();
  const users = new VirtualUsers(node, CALLERS, "owner");
  // The owners get their keys with the first session.
  await users.begin(CALLERS, 8);
  return { users, close: () => node.close() };
}

function countedKeys() {
  let calls = 0;
  const { current, unwrap } = keysFromEnvironment(generateKey());
  const keys: KeyProvider = {
    current: () => {
      calls += 1;
      return current();
    },
    unwrap: (id, bytes) => {
      calls += 1;
      return unwrap(id, bytes);
    },
  };
  return { keys, calls: () => calls };
}

function sealingTimes(): { readonly sealUs: number; readonly openUs: number } {
  const key = createSecretKey(randomBytes(32));
  const place: Place = { schema: "sessions", kind: "session", owner: "ada", session: crypto.randomUUID(), entry: null };
  const text = "x".repeat(1_000);
  let sealed = seal(key, 1, place, text);
  const sealUs = microseconds(() => (sealed = seal(key, 1, place, text)));
  const openUs = microseconds(() => void open(() => key, place, sealed));
  return { sealUs, openUs };
}

/** The processor time of a call. */
function microseconds(call: () => void): number {
  const before = process.cpuUsage();
  for (let count = 0; count < VALUES; count += 1) call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / VALUES;
}
