import { Temporal } from "temporal-polyfill";
import { durationMs, type Duration } from "../duration.ts";
import { SessionsError } from "../error.ts";
import type { Limit } from "./limit.ts";

export interface MaxCompletionsOptions {
  /** How many sessions of the flow one owner may complete within the window. */
  readonly atMost: number;
  /** A calendar window, or a rolling one that reaches back this far. Weeks begin on Monday. */
  readonly per: "day" | "week" | "month" | { readonly rolling: Duration };
  /** The IANA time zone in which calendar windows begin. Default `"UTC"`. */
  readonly timeZone?: string;
}

/**
 * Limits how many sessions of a flow one owner completes within a window.
 *
 * @throws {SessionsError} `configuration_invalid` for an option that cannot work.
 * @example
 * maxCompletions({ atMost: 20, per: "month", timeZone: "Europe/Brussels" })
 */
export function maxCompletions({ atMost, per, timeZone = "UTC" }: MaxCompletionsOptions): Limit {
  requireCount("maxCompletions", atMost);
  const rollingMs = typeof per === "string" ? undefined : durationMs(per.rolling);
  if (typeof per !== "string" && rollingMs === undefined) {
    throw new SessionsError(
      "configuration_invalid",
      'maxCompletions: `rolling` is a whole number and m, h or d, such as "30d".',
    );
  }
  if (typeof per === "string" && !["day", "week", "month"].includes(per)) {
    throw new SessionsError(
      "configuration_invalid",
      'maxCompletions: `per` is "day", "week", "month" or { rolling: "30d" }.',
    );
  }
  requireTimeZone(timeZone);

  const name = typeof per === "string" ? `completions per ${per}` : `completions per ${per.rolling}`;
  return {
    name,
    on: "complete",
    async check({ nowMs, nthNewestCompletionMs }) {
      const window =
        typeof per === "string"
          ? calendarWindow(nowMs, per, timeZone)
          : // A rolling window does not include its first moment: then the oldest completion no longer counts.
            { fromMs: nowMs - rollingMs! + 1, toMs: null };
      const reached = await nthNewestCompletionMs(atMost, window.fromMs);
      if (reached === null) return null;
      const resetsMs = window.toMs ?? reached + rollingMs!;
      return { code: "limit_reached", limit: name, atMost, resetsAt: new Date(resetsMs).toISOString() };
    },
  };
}

/**
 * Limits how many sessions of a flow one owner has open at a time.
 *
 * @throws {SessionsError} `configuration_invalid` for an option that cannot work.
 */
export function maxOpenSessions({ atMost }: { readonly atMost: number }): Limit {
  requireCount("maxOpenSessions", atMost);
  return {
    name: "open sessions",
    on: "start",
    async check({ countOpen }) {
      const open = await countOpen();
      return open < atMost ? null : { code: "limit_reached", limit: "open sessions", atMost, resetsAt: null };
    },
  };
}

/**
 * The calendar day, week or month of a moment in a time zone. It includes `fromMs`, and not `toMs`. If clocks are set back
 * over midnight, the old date comes again for a while. It then belongs to the next window, which has begun already.
 */
export function calendarWindow(
  nowMs: number,
  unit: "day" | "week" | "month",
  timeZone: string,
): { readonly fromMs: number; readonly toMs: number } {
  // A clock may tell parts of a millisecond, and an instant has none.
  const now = Temporal.Instant.fromEpochMilliseconds(Math.floor(nowMs));
  const today = now.toZonedDateTimeISO(timeZone).toPlainDate();
  const first =
    unit === "month" ? today.with({ day: 1 }) : unit === "week" ? today.subtract({ days: today.dayOfWeek - 1 }) : today;
  const start = (units: number) => first.add({ [`${unit}s`]: units }).toZonedDateTime(timeZone).epochMilliseconds;
  const [fromMs, nextMs] = [start(0), start(1)];
  return nowMs < nextMs ? { fromMs, toMs: nextMs } : { fromMs: nextMs, toMs: start(2) };
}

function requireCount(limit: string, atMost: number): void {
  if (!Number.isSafeInteger(atMost) || atMost < 1) {
    throw new SessionsError("configuration_invalid", `${limit}: \`atMost\` is a whole number of 1 or more.`);
  }
}

function requireTimeZone(timeZone: string): void {
  try {
    Temporal.Now.zonedDateTimeISO(timeZone);
  } catch (cause) {
    throw new SessionsError("configuration_invalid", "maxCompletions: `timeZone` is no IANA time zone.", { cause });
  }
}
