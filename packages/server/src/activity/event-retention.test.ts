import { expect, test } from "vitest";
import { listExpiredEvents } from "./event-retention.ts";

const monthsOf = (of: string) =>
  ["2026-08", "2026-09", "2026-10"].map((month) => ({ of, month, table: `${of}_${month}`, bytes: 0, estimate: null }));
const partitions = { list: async () => [...monthsOf("activity_event"), ...monthsOf("activity_session_archive")] };

test.each([
  ["1 month", "2026-11-29T23:59:59.999Z", ["2026-08"]],
  ["1 month", "2026-11-30T00:00:00Z", ["2026-08", "2026-09"]],
  ["1 month", "2026-12-01T00:00:00Z", ["2026-08", "2026-09"]],
  ["1 month", "2026-12-31T00:00:00Z", ["2026-08", "2026-09", "2026-10"]],
  ["3 months", "2026-12-31T00:00:00Z", ["2026-08"]],
  ["forever", "2036-12-31T00:00:00Z", []],
] as const)(
  "S22: a retention of %s drops at %s no month in which an event may still be recorded",
  async (keep, now, months) => {
    const expired = await listExpiredEvents(partitions, keep, Date.parse(now));
    expect(expired.map(({ month }) => month)).toEqual(months);
    expect(expired.every(({ of }) => of === "activity_event")).toBe(true);
  },
);
