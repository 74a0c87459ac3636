import { SessionsError } from "@sessions/core/internal";
import type { Partition, Partitions } from "./partitions.ts";

/** How long ended sessions and their history are kept: for ever, or a number of whole months. */
export type Retention = "forever" | `${number} month${"s" | ""}`;

/** The allowed values of a retention, for messages. */
export const retentionFormat = '"forever" or a whole number of months, from "1 month" to "9999 months"';

/** How many months a retention keeps; undefined for all months. */
export function retainedMonths(keep: Retention): number | undefined {
  if (keep === "forever") return undefined;
  const months = Number(/^([1-9]\d{0,3}) months?$/.exec(keep)?.[1]);
  if (Number.isNaN(months)) {
    throw new SessionsError("configuration_invalid", `\`keep\` is ${retentionFormat}.`);
  }
  return months;
}

/**
 * The months that a retention does not keep. `longerMs` gives for a partitioned table how many milliseconds longer its
 * months are kept.
 */
export async function listExpiredPartitions(
  partitions: Pick<Partitions, "list">,
  keep: Retention,
  nowMs: number,
  longerMs: (table: string) => number,
): Promise<readonly Partition[]> {
  const months = retainedMonths(keep);
  if (months === undefined) return [];
  const now = new Date(nowMs);
  const keptFromMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months);
  return (await partitions.list()).filter(({ of, month }) => {
    const endMs = Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)));
    return endMs + longerMs(of) <= keptFromMs;
  });
}
