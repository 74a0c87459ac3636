import fc from "fast-check";
import { expect, test } from "vitest";
import { calendarWindow, maxCompletions, maxOpenSessions } from "./limits.ts";

const at = (iso: string) => Date.parse(iso);
const window = (iso: string, unit: "day" | "week" | "month", timeZone: string) => {
  const { fromMs, toMs } = calendarWindow(at(iso), unit, timeZone);
  return [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
};

test("a month begins at midnight of its first day in the time zone", () => {
  expect(window("2026-10-31T22:59:59.999Z", "month", "Europe/Brussels")).toEqual([
    "2026-09-30T22:00:00.000Z",
    "2026-10-31T23:00:00.000Z",
  ]);
  expect(window("2026-10-31T23:00:00.000Z", "month", "Europe/Brussels")).toEqual([
    "2026-10-31T23:00:00.000Z",
    "2026-11-30T23:00:00.000Z",
  ]);
});

test("a day is 23 or 25 hours long where the clocks change", () => {
  expect(window("2026-03-29T12:00:00Z", "day", "Europe/Brussels")).toEqual([
    "2026-03-28T23:00:00.000Z",
    "2026-03-29T22:00:00.000Z",
  ]);
  expect(window("2026-10-25T12:00:00Z", "day", "Europe/Brussels")).toEqual([
    "2026-10-24T22:00:00.000Z",
    "2026-10-25T23:00:00.000Z",
  ]);
});

test("a day begins later where midnight is skipped", () => {
  // In Beirut the clocks go from 0:00 to 1:00 on the last Sunday of March.
  expect(window("2026-03-29T12:00:00Z", "day", "Asia/Beirut")[0]).toBe("2026-03-28T22:00:00.000Z");
});

test("a moment between two milliseconds is in the window of the one before", () => {
  const last = at("2026-10-31T22:59:59.999Z");
  for (const unit of ["day", "week", "month"] as const) {
    expect(calendarWindow(last + 0.75, unit, "Europe/Brussels")).toEqual(calendarWindow(last, unit, "Europe/Brussels"));
  }
});

test("a week begins on Monday", () => {
  expect(window("2026-11-22T12:00:00Z", "week", "UTC")).toEqual([
    "2026-11-16T00:00:00.000Z",
    "2026-11-23T00:00:00.000Z",
  ]);
});

test("where the clock falls back over midnight, the window has begun, and ends in the future", () => {
  // In St. John's it went from 0:01 back to 23:01 of the day before: the last hour of October came twice.
  const second = at("2009-11-01T03:00:00.000Z");
  const { fromMs, toMs } = calendarWindow(second, "month", "America/St_Johns");
  expect(new Date(fromMs).toISOString()).toBe("2009-11-01T02:30:00.000Z");
  expect(new Date(toMs).toISOString()).toBe("2009-12-01T03:30:00.000Z");
});

test.each([
  ["America/St_Johns", "2009-11-01"],
  ["America/Goose_Bay", "2009-11-01"],
  ["America/Havana", "2026-11-01"],
  ["America/Asuncion", "2023-03-26"],
  ["Asia/Beirut", "2026-03-29"],
  ["Pacific/Apia", "2011-12-30"],
  ["Pacific/Kiritimati", "1995-01-01"],
])("in %s, around midnight of %s, windows follow one another without a gap", (timeZone, date) => {
  for (
    let nowMs = at(`${date}T00:00:00Z`) - 86_400_000;
    nowMs < at(`${date}T00:00:00Z`) + 172_800_000;
    nowMs += 1_769_999
  ) {
    for (const unit of ["day", "week", "month"] as const) {
      const { fromMs, toMs } = calendarWindow(nowMs, unit, timeZone);
      expect(fromMs <= nowMs && nowMs < toMs, new Date(nowMs).toISOString()).toBe(true);
      expect(calendarWindow(toMs, unit, timeZone).fromMs).toBe(toMs);
      expect(calendarWindow(fromMs - 1, unit, timeZone).toMs).toBe(fromMs);
    }
  }
});

test("every moment lies in its window, and windows follow one another without a gap", () => {
  const zones = fc.constantFrom("UTC", "Europe/Brussels", "America/New_York", "Asia/Kathmandu", "Pacific/Apia");
  const moments = fc.integer({ min: at("1990-01-01T00:00:00Z"), max: at("2100-01-01T00:00:00Z") });
  fc.assert(
    fc.property(moments, zones, fc.constantFrom("day", "week", "month"), (nowMs, timeZone, unit) => {
      const { fromMs, toMs } = calendarWindow(nowMs, unit, timeZone);
      expect(fromMs <= nowMs && nowMs < toMs).toBe(true);
      expect(calendarWindow(toMs, unit, timeZone).fromMs).toBe(toMs);
      expect(calendarWindow(fromMs - 1, unit, timeZone).toMs).toBe(fromMs);
    }),
  );
});

test("a limit that cannot work is refused when it is made, naming the option", () => {
  expect(() => maxCompletions({ atMost: 0, per: "month" })).toThrow(/atMost/);
  expect(() => maxCompletions({ atMost: 1.5, per: "month" })).toThrow(/atMost/);
  expect(() => maxCompletions({ atMost: 1, per: "year" as never })).toThrow(/per/);
  expect(() => maxCompletions({ atMost: 1, per: { rolling: "soon" as never } })).toThrow(/rolling/);
  expect(() => maxCompletions({ atMost: 1, per: "day", timeZone: "Mars/Olympus" })).toThrow(/timeZone/);
  expect(() => maxOpenSessions({ atMost: -1 })).toThrow(/atMost/);
});
