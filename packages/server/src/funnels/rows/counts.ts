import { sql, type Kysely } from "kysely";
import { recordset } from "../../postgres/values.ts";
import type { Count } from "../session-rules.ts";

/** A count, and the flow and month that it belongs to. */
export interface PlacedCount extends Count {
  readonly flow: string;
  /** As in "2026-11". */
  readonly month: string;
}

/** Adds counts to the sums, in two statements. */
export async function addCounts(db: Kysely<object>, schema: string, counts: readonly PlacedCount[]): Promise<void> {
  if (counts.length === 0) return;
  const placeOf = ({ flow, version, month, step }: PlacedCount) => [flow, version, `${month}-01`, step ?? ""] as const;
  const sums = sumsOf(counts.map((count) => ({ key: [...placeOf(count), count.counted], tookMs: count.tookMs ?? 0 })));
  await sql`
    insert into ${sql.table(`${schema}.funnel_count`)} as sums (flow, version, month, step, counted, n, took_ms)
    select key ->> 0, (key ->> 1)::integer, (key ->> 2)::date, key ->> 3, key ->> 4, n, took
    from ${recordset(sums, "key json, n bigint, took bigint")}
    on conflict (flow, version, month, step, counted)
    do update set n = sums.n + excluded.n, took_ms = sums.took_ms + excluded.took_ms`.execute(db);

  const timed = counts.flatMap((count) =>
    count.tookMs === null || !(count.counted === "submitted" || count.counted === "completed")
      ? []
      : [{ key: [...placeOf(count), belowSeconds(count.tookMs)], tookMs: 0 }],
  );
  if (timed.length === 0) return;
  await sql`
    insert into ${sql.table(`${schema}.funnel_duration`)} as sums (flow, version, month, step, below_s, n)
    select key ->> 0, (key ->> 1)::integer, (key ->> 2)::date, key ->> 3, (key ->> 4)::bigint, n
    from ${recordset(sumsOf(timed), "key json, n bigint")}
    on conflict (flow, version, month, step, below_s) do update set n = sums.n + excluded.n`.execute(db);
}

/** The least power of two, in seconds, that a duration is below. */
export function belowSeconds(ms: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(Math.max(ms, 1) / 1_000)) + 1);
}

interface Sum {
  readonly key: readonly (string | number)[];
  readonly n: number;
  readonly took: number;
}

/** The sums by key, in the order of their keys: so writers of the same rows wait for each other, and do not deadlock. */
function sumsOf(given: readonly { readonly key: Sum["key"]; readonly tookMs: number }[]): readonly Sum[] {
  const sums = new Map<string, Sum>();
  for (const { key, tookMs } of given) {
    const text = JSON.stringify(key);
    const before = sums.get(text) ?? { key, n: 0, took: 0 };
    sums.set(text, { key, n: before.n + 1, took: before.took + tookMs });
  }
  return [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}
