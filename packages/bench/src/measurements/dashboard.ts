import { createDashboard } from "@sessions/server/dashboard";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { compareVariants, medianOf, type Variant } from "../rounds.ts";
import { fillOperations, type SeededOperations } from "../seeded-operations.ts";
import type { DurablePostgres } from "../servers/database.ts";
import { transfer } from "../servers/flow.ts";
import { countStatements } from "../servers/statement-count.ts";

/** The slowest that a page may be, in milliseconds. */
const PAGE_MS = 200;
/** How much later each look is, in milliseconds: no number is shown again. */
const LATER_MS = 60_000;

const pagesOf = ({ owner, session }: SeededOperations): Readonly<Record<string, string>> => ({
  overview: "?view=overview",
  flows: "?view=flows",
  "one flow": "?view=flows&flow=loan&version=1",
  session: `?view=session&id=${session}`,
  owner: `?view=owner&owner=${owner}`,
  "sign-ins": "?view=sign-ins",
  projections: "?view=projections&projection=funnels",
  storage: "?view=storage",
  "months of a table": "?view=storage&of=session_event",
  health: "?view=health",
  audit: "?view=audit",
});

/** 12: how long each page of the dashboard takes when there are years of ended sessions. */
export async function measureDashboard(postgres: DurablePostgres, size: BenchmarkSize): Promise<Measurement> {
  const variants: Variant[] = [];
  const closing: (() => Promise<void>)[] = [];
  for (const ended of size.histories.filter((each) => each > 0)) {
    const { pool } = await postgres.create(`dashboard_${ended}`);
    const seeded = await fillOperations(pool, ended);
    let laterMs = 0;
    const dashboard = createDashboard({
      database: pool,
      flows: [transfer],
      now: () => Date.now() + laterMs,
      authorize: () => ({ name: "Olga", mayReadTyped: true, mayEndSignIns: true, mayDecideFaults: true }),
    });
    await dashboard.migrate();
    closing.push(() => dashboard.close());
    for (const [what, query] of Object.entries(pagesOf(seeded))) {
      const look = async () => {
        laterMs += LATER_MS;
        const answer = await dashboard.fetch(new Request(`https://bank.example/operators${query}`));
        const page = await answer.text();
        if (answer.status !== 200 || page.includes("did not answer")) throw new Error(`${what}: ${answer.status}.`);
      };
      variants.push(
        { what, at: ended, unit: "ms", round: () => slowestOf(look) },
        { what: `${what}, sent`, at: ended, unit: "statements", round: () => statementsOf(look) },
      );
    }
  }
  const rows = await compareVariants(variants, size.rounds + 2);
  for (const close of closing) await close();

  const most = Math.max(...size.histories);
  const pages = Object.keys(pagesOf({ owner: "", session: "" }));
  const slowest = pages.reduce((one, other) => (medianOf(rows, one, most) < medianOf(rows, other, most) ? other : one));
  return {
    name: "dashboard",
    title: "Pages of the dashboard",
    how:
      "Each page is read by one operator, without a number that was read before. The time of a round is the slowest of five " +
      "looks, from the request to the whole page. Ended sessions have five history entries, and as many ended sign-ins and activity " +
      "sessions lie beside them, over two years. 50,000 sessions are open. A projection has not read any of them. A " +
      "flow has 12 steps and 8 versions.",
    rows,
    ratios: [
      {
        what: `the slowest page at ${most.toLocaleString("en")} ended sessions: ${slowest}`,
        value: medianOf(rows, slowest, most),
        unit: "ms",
        target: { atMost: PAGE_MS },
      },
    ],
  };
}

const LOOKS = 5;

async function slowestOf(look: () => Promise<void>): Promise<number> {
  let slowest = 0;
  for (let looks = 0; looks < LOOKS; looks += 1) {
    const before = performance.now();
    await look();
    slowest = Math.max(slowest, performance.now() - before);
  }
  return slowest;
}

async function statementsOf(look: () => Promise<void>): Promise<number> {
  const statements = countStatements();
  try {
    await look();
    return statements.count();
  } finally {
    statements.stop();
  }
}
