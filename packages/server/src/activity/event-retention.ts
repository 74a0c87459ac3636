import type { Partition, Partitions } from "../postgres/partitions.ts";
import { listExpiredPartitions, type Retention } from "../postgres/retention.ts";
import { OLDEST_MS } from "./recorder/event-check.ts";

/**
 * The months of events that a retention does not keep. A month in which an event may still be recorded stays: its partition
 * would be made again, an event that is recorded again would count twice, and a scan would take the month for a whole one.
 */
export async function listExpiredEvents(
  partitions: Pick<Partitions, "list">,
  keep: Retention,
  nowMs: number,
): Promise<readonly Partition[]> {
  const expired = await listExpiredPartitions(partitions, keep, nowMs, () => 0);
  return expired.filter(({ of, month }) => {
    const endMs = Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)));
    return of === "activity_event" && endMs + OLDEST_MS <= nowMs;
  });
}
