import { createSignIns } from "@sessions/server/sign-in";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { compareLatencies, type ComparedLatencies } from "../rounds.ts";
import { ENDED_PER_OWNER, fillSignIns, OWNERS } from "../seeded-sign-ins.ts";
import type { DurablePostgres } from "../servers/database.ts";
import { directCall } from "../servers/direct-call.ts";
import { ourIdentity } from "../servers/identity-checks.ts";

/** How many people are signed in all the time. */
const PEOPLE = 16;

type Calls = Map<number, () => Promise<unknown>>;

/** 10: the cost of a sign-in, a check and a list when there are years of ended sign-ins. */
export async function measureSignInHistory(postgres: DurablePostgres, size: BenchmarkSize): Promise<Measurement> {
  const [begins, checks, lists] = [0, 0, 0].map(() => new Map<number, () => Promise<unknown>>()) as [
    Calls,
    Calls,
    Calls,
  ];
  const closing: (() => Promise<void>)[] = [];
  for (const ended of size.histories) {
    const { pool } = await postgres.create(`sign_ins_${ended}`);
    // Nothing stays in the cache: each check reads the row.
    const signIns = createSignIns({ database: pool, sweeps: false, cacheBytes: 0 });
    await signIns.migrate();
    closing.push(() => signIns.close());
    const { handler, signIn } = ourIdentity(signIns);
    await signIn(1);
    await signIns.endAll("person-0");
    await fillSignIns(pool, ended);
    await pool.query("vacuum analyze");
    await pool.query("checkpoint");
    const cookies = await signIn(PEOPLE);
    const request = new Request("https://bank.example", { method: "POST" });
    let next = 0;
    // Another owner each time, so that nobody has many sign-ins.
    const begin = () =>
      signIns.fetch(request.clone(), async (visit) => {
        next = (next + 1) % (OWNERS - PEOPLE);
        await visit.signInAs(`person-${next + PEOPLE}`, { factors: ["password"], device: "Chrome on Windows" });
        return new Response();
      });
    const check = async () => {
      const { req, res } = directCall({ cookie: cookies[(next = (next + 1) % PEOPLE)]! });
      await handler(req, res);
    };
    const list = async () => {
      const visit = await signIns.read(new Headers({ cookie: cookies[0]!, host: "localhost" }));
      if ((await visit.list()).signIns.length !== 1) throw new Error("One sign-in is live.");
    };
    begins.set(ended, begin);
    checks.set(ended, check);
    lists.set(ended, list);
  }
  // A ratio near one needs more rounds than a number does.
  const rounds = { rounds: 3 * size.rounds, roundMs: size.roundMs };
  const compared = new Map<string, ComparedLatencies>();
  for (const [what, calls] of [
    ["sign-in", begins],
    ["check without a cache", checks],
    ["check and list", lists],
  ] as const) {
    compared.set(what, await compareLatencies(what, calls, rounds));
  }
  for (const close of closing) await close();

  const most = Math.max(...size.histories);
  const growth = ([what, { ratios }]: readonly [string, ComparedLatencies]) => ({
    what: `${what} at ${most.toLocaleString("en")} ÷ at none`,
    value: ratios.get(most)!,
    target: { atMost: 1.05 },
  });
  return {
    name: "sign-in-history",
    title: "The cost of ended sign-ins",
    how:
      "The median latency of one caller. Databases of all sizes exist at the same time, and take turns with each call. A ratio is the median of the ratios within a turn. Ended sign-ins " +
      `are spread over two years, with two entries of history each. Each owner has ${ENDED_PER_OWNER} of them, and the caller too. Nothing ` +
      "is cached, so each check reads its row.",
    rows: [...compared.values()].flatMap(({ rows }) => rows),
    ratios: [...compared].map(growth),
  };
}
