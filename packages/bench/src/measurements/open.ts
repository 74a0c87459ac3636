import { startBrowser } from "../browser.ts";
import type { DurablePostgres } from "../servers/database.ts";
import type { RecordLocation } from "../page.ts";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { compareVariants, medianOf, type Variant } from "../rounds.ts";
import { median } from "../report/statistics.ts";

/** How many sessions the browser stores. */
const STORED_SESSIONS = [1, 50, 500];

/** Short rounds, and more of them: a page is loaded anew for each number. */
const ROUNDS = 4;

const OPEN = "open → first snapshot";
const GET = "bare idb-keyval get";

/** 7: how long it takes to open a session that is in IndexedDB. */
export async function measureOpen(
  _postgres: DurablePostgres,
  { rounds, roundMs }: BenchmarkSize,
): Promise<Measurement> {
  const browser = await startBrowser();
  const variants: Variant[] = [];
  for (const count of STORED_SESSIONS) {
    const location = await browser.run<RecordLocation>({ kind: "store", owner: `owner-${count}`, count });
    const variant = (what: string, kind: "open" | "get"): Variant => ({
      what,
      at: count,
      unit: "ms",
      round: async () => {
        const started = performance.now();
        const times: number[] = [];
        while (performance.now() - started < roundMs) times.push(await browser.run<number>({ kind, ...location }));
        return median(times);
      },
    });
    variants.push(variant(OPEN, "open"), variant(GET, "get"));
  }
  const rows = await compareVariants(variants, rounds * ROUNDS);
  await browser.close();

  const ratioAt = (count: number) => medianOf(rows, OPEN, count) / medianOf(rows, GET, count);
  return {
    name: "open",
    title: "From opening a session to its first snapshot",
    how:
      "A page was just loaded in Chromium, and IndexedDB holds this number of the owner's sessions. The time begins with the calls " +
      "of `createSessionsClient` and `open`. It ends with the first state that has the session's snapshot. The server does not answer. A " +
      "`get` of the same record by idb-keyval is measured too. It also opens its own connection.",
    rows,
    ratios: STORED_SESSIONS.map((count, index) => ({
      what: `open ÷ bare get, ${count.toLocaleString("en")} kept`,
      value: ratioAt(count),
      ...(index === 0 && { target: { atMost: 2 } }),
    })),
  };
}
