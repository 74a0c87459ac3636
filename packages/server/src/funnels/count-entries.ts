import type { Kysely } from "kysely";
import { addCounts, type PlacedCount } from "./rows/counts.ts";
import { loadOpenSessions, saveOpenSessions } from "./rows/open-sessions.ts";
import { foldEntry, type FunnelEntry, type OpenSession } from "./session-rules.ts";

/** Adds entries to the counts, and to what is remembered of the sessions under way. */
export async function countEntries(tx: Kysely<object>, schema: string, entries: readonly FunnelEntry[]): Promise<void> {
  const known = await loadOpenSessions(tx, schema, [...new Set(entries.map(({ session }) => session))]);
  const changed = new Map<string, { id: string; owner: string; state: OpenSession | null }>();
  const counts: PlacedCount[] = [];
  for (const entry of entries) {
    const { session: id, owner, flow } = entry;
    const before = changed.has(id) ? changed.get(id)!.state : (known.get(id) ?? null);
    const { after, month, counts: added } = foldEntry(before, entry);
    counts.push(...added.map((count) => ({ ...count, flow, month })));
    changed.set(id, { id, owner, state: after });
  }
  await saveOpenSessions(tx, schema, [...changed.values()]);
  await addCounts(tx, schema, counts);
}
