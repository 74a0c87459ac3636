import { createSignIns } from "@sessions/server/sign-in";
import { Pool } from "pg";
import type { BenchmarkSize, Measurement, MedianRow, Figure } from "../../report/result.ts";
import { compareLatencies, type Place } from "../../rounds.ts";
import { ENDED_PER_OWNER, fillSignIns, OWNERS } from "../../seeded-sign-ins.ts";
import { POOL_SIZE, type DurablePostgres } from "../../servers/database.ts";
import { directCall } from "../../servers/direct-call.ts";
import { ourIdentity } from "../../servers/identity-checks.ts";

/** How many people are signed in all the time. */
const PEOPLE = 16;
/** A ratio near one needs many rounds: each has connections of its own. */
const ROUNDS = 10;

const measured = ["sign-in", "check without a cache", "check and list"] as const;

/** A database with ended sign-ins, and the cookies of people who are signed in. */
interface FilledDatabase {
  readonly ended: number;
  /** Whether it only shows how far two equal databases are apart. */
  readonly isControl: boolean;
  readonly url: string;
  readonly cookies: readonly string[];
}

/** 10: the cost of a sign-in, a check and a list when there are years of ended sign-ins. */
export async function measureSignInHistory(postgres: DurablePostgres, size: BenchmarkSize): Promise<Measurement> {
  const [none = 0, ...histories] = size.histories;
  const databases = [await fill(postgres, none), await fill(postgres, none, true)];
  for (const ended of histories) databases.push(await fill(postgres, ended));

  const rows: MedianRow[] = [];
  const ratios: Figure[] = [];
  for (const what of measured) {
    const places = databases.map((database) => placeOf(database, what));
    const compared = await compareLatencies(places, { rounds: ROUNDS * size.rounds, roundMs: size.roundMs / 5 });
    rows.push(...compared.rows);
    ratios.push({ what: `${what} at none in another database ÷ at none`, value: compared.ratios[1]! });
    for (const [index, { ended }] of databases.entries()) {
      if (ended < 1_000_000) continue;
      const value = compared.ratios[index]!;
      ratios.push({ what: `${what} at ${ended.toLocaleString("en")} ÷ at none`, value, target: { atMost: 1.05 } });
    }
  }
  return {
    name: "sign-in-history",
    title: "The cost of ended sign-ins",
    how:
      "The median latency of one caller. Databases of all sizes exist at the same time, and take turns with each call. Each round has connections " +
      "of its own. A ratio is the median of the ratios within a turn. A second database without ended sign-ins shows how exact a ratio is. Ended sign-ins " +
      `are spread over two years, with two entries of history each. Each owner has ${ENDED_PER_OWNER} of them, and the caller too. Nothing ` +
      "is cached, so each check reads its row.",
    rows,
    ratios,
  };
}

async function fill(postgres: DurablePostgres, ended: number, isControl = false): Promise<FilledDatabase> {
  const { pool, url } = await postgres.create(`sign_ins_${ended}${isControl ? "_control" : ""}`);
  const signIns = createSignIns({ database: pool, sweeps: false });
  await signIns.migrate();
  const { signIn } = ourIdentity(signIns);
  await signIn(1);
  await signIns.endAll("person-0");
  await fillSignIns(pool, ended);
  await pool.query("vacuum analyze");
  const cookies = await signIn(PEOPLE);
  await pool.query("checkpoint");
  await signIns.close();
  return { ended, isControl, url, cookies };
}

function placeOf({ ended, isControl, url, cookies }: FilledDatabase, what: (typeof measured)[number]): Place {
  let next = 0;
  return {
    what: isControl ? `${what}, another database` : what,
    at: ended,
    open: async () => {
      const pool = new Pool({ connectionString: url, max: POOL_SIZE });
      // Nothing stays in the cache: each check reads the row.
      const signIns = createSignIns({ database: pool, sweeps: false, cacheBytes: 0 });
      const { handler } = ourIdentity(signIns);
      const request = new Request("https://bank.example", { method: "POST" });
      const calls = {
        // Another owner each time, so that nobody has many sign-ins.
        "sign-in": () =>
          signIns.fetch(request.clone(), async (visit) => {
            next = (next + 1) % (OWNERS - PEOPLE);
            await visit.signInAs(`person-${next + PEOPLE}`, { factors: ["password"], device: "Chrome on Windows" });
            return new Response();
          }),
        "check without a cache": async () => {
          const { req, res } = directCall({ cookie: cookies[(next = (next + 1) % PEOPLE)]! });
          await handler(req, res);
        },
        "check and list": async () => {
          const visit = await signIns.read(new Headers({ cookie: cookies[0]!, host: "localhost" }));
          if ((await visit.list()).signIns.length !== 1) throw new Error("One sign-in is live.");
        },
      };
      return {
        call: calls[what],
        close: async () => {
          await signIns.close();
          await pool.end();
        },
      };
    },
  };
}
