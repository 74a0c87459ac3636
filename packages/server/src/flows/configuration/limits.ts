import type { Transaction } from "kysely";
import { Temporal } from "temporal-polyfill";
import { durationMs, SessionsError, type Duration, type Refusal } from "@sessions/core/internal";
import { nthNewestCompletionMs } from "../rows/archive.ts";
import { countOpenSessions } from "../rows/active.ts";
import type { Tables } from "../rows/tables.ts";

/**
 * A usage rule. The transaction that decides the command counts it, while it holds the owner's lock. Made by
 * {@link maxCompletions} and {@link maxOpenSessions}.
 */
export interface Limit {
  /** The name of the limit in the refusal. */
  readonly name: string;
  /** Whether it is checked when a session starts or when it completes. */
  readonly on: "start" | "complete";
  /** The refusal when one more would be too many. The owner's row is locked. */
  check(context: LimitContext): Promise<Refusal | null>;
}

export interface LimitContext {
  readonly tx: Transaction<Tables>;
  readonly owner: string;
  readonly flow: string;
  readonly nowMs: number;
}

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
    async check({ tx, owner, flow, nowMs }) {
      const window =
        typeof per === "string"
          ? calendarWindow(nowMs, per, timeZone)
          : // A rolling window does not include its first moment: then the oldest completion no longer counts.
            { fromMs: nowMs - rollingMs! + 1, toMs: null };
      const reached = await nthNewestCompletionMs(tx, owner, flow, atMost, window.fromMs);
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
    async check({ tx, owner, flow, nowMs }) {
      const open = await countOpenSessions(tx, owner, flow, new Date(nowMs).toISOString());
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
  const today = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(timeZone).toPlainDate();
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
