import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client, Pool } from "pg";
import { postgresBus } from "../../index.ts";
import { createBank, createLedger } from "../bank.ts";
import { startPostgres } from "../embedded/postgres-server.ts";
import { Random } from "../random.ts";
import { watch, write, type Done } from "./load.ts";
import { sample, slope, type Sample } from "./memory.ts";

// A mixed load for some minutes: `pnpm soak -- --minutes 30`. It fails if memory grows, or if resources are left at the end.

const WRITERS = 8;
const WATCHERS = 50;
const SAMPLES = 60;
/** Small, so that the cache is full long before the memory is measured. */
const CACHE_BYTES = 4 * 1024 * 1024;
/** The growth that garbage collection alone may cause, in bytes a minute and in all. */
const TOLERATED_SLOPE = 512 * 1024;
const TOLERATED_GROWTH = 4 * 1024 * 1024;

const { values } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== "--"),
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string", default: "1" } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error("--minutes is a number above 0.");

const resourcesBefore = resources();
const postgres = await startPostgres();
const pools = [0, 1].map(() => new Pool({ connectionString: postgres.url, max: 10 }));
const nodes = pools.map((pool) => {
  pool.on("error", () => {});
  const bus = postgresBus({ client: () => new Client({ connectionString: postgres.url }) });
  return createBank(pool, { bus, cacheBytes: CACHE_BYTES });
});
await nodes[0]!.migrate();
await createLedger(pools[0]!);

const random = new Random(Number(values.seed));
const done: Done = { pushes: 0, completed: 0, watched: 0, lists: 0 };
const running = new AbortController();
const load = [
  ...Array.from({ length: WRITERS }, () => write(nodes, new Random(random.between(0, 2 ** 31)), done, running.signal)),
  ...Array.from({ length: WATCHERS }, () => watch(nodes, new Random(random.between(0, 2 ** 31)), done, running.signal)),
];
const samples: Sample[] = [];
for (let taken = 0; taken < SAMPLES; taken += 1) {
  await setTimeout((minutes * 60_000) / SAMPLES);
  samples.push(sample(performance.now()));
  process.stderr.write(`\r${taken + 1}/${SAMPLES}  ${mib(samples.at(-1)!.heapBytes)} MiB  ${done.pushes} pushes `);
}
running.abort();
await Promise.all(load);
await Promise.all(nodes.map((node) => node.close()));
const { rows } = await pools[0]!.query<{ connections: number }>(
  "select count(*)::int as connections from pg_stat_activity where backend_type = 'client backend'",
);
const pooled = pools.reduce((sum, pool) => sum + pool.totalCount, 0);
await Promise.all(pools.map((pool) => pool.end()));
await postgres.stop();

// In the first half, caches fill and code is compiled.
const judged = samples.slice(SAMPLES / 2);
const perMinute = slope(judged);
const growth = (perMinute * (judged.at(-1)!.atMs - judged[0]!.atMs)) / 60_000;
const left = leftOver(resourcesBefore, resources());
const stray = (rows[0]?.connections ?? 0) - pooled;

process.stdout.write(`
Minutes              ${minutes}
Pushes               ${done.pushes} (${Math.round(done.pushes / minutes / 60)}/s), ${done.completed} completed
Snapshots watched    ${done.watched}
Lists                ${done.lists}
Heap                 ${samples
  .filter((_, index) => index % 10 === 9)
  .map((each) => mib(each.heapBytes))
  .join(" → ")} MiB
Slope, second half   ${mib(perMinute)} MiB a minute, ${mib(growth)} MiB in all
Stray connections    ${stray}
Left at the end      ${left.length === 0 ? "nothing" : left.join(", ")}
`);
if ((perMinute > TOLERATED_SLOPE && growth > TOLERATED_GROWTH) || left.length > 0 || stray !== 0) process.exitCode = 1;

/** The timers, sockets and servers that keep the process running or wait in it. */
function resources(): readonly string[] {
  return process.getActiveResourcesInfo().filter((kind) => /Timeout|TCP|Immediate/.test(kind));
}

function leftOver(before: readonly string[], after: readonly string[]): readonly string[] {
  const rest = [...after];
  for (const kind of before) {
    const at = rest.indexOf(kind);
    if (at !== -1) rest.splice(at, 1);
  }
  return rest;
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
