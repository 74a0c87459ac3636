import { durationMs, SessionsError, type Duration, type Json } from "@sessions/core/internal";
import type { z } from "zod";
import type { Counters } from "./counter-states.ts";
import type { SessionRules } from "./session-rules.ts";
import type { CountCounter, FieldCounter } from "./counters.ts";

/** An event's data: an object. */
export type EventSchema = z.ZodType<{ readonly [field: string]: Json | undefined }>;
export type EventSchemas = Readonly<Record<string, EventSchema>>;

type FieldOf<Schemas extends EventSchemas, Event extends keyof Schemas> = keyof z.output<Schemas[Event]> & string;

/** The fields whose values fit. */
type FieldFor<Schemas extends EventSchemas, Event extends keyof Schemas, Value> = {
  [Field in FieldOf<Schemas, Event>]: z.output<Schemas[Event]>[Field] extends Value | null | undefined ? Field : never;
}[FieldOf<Schemas, Event>];

/** The counters that some events can have. */
export type CounterFor<Schemas extends EventSchemas> = {
  [Event in keyof Schemas & string]:
    | CountCounter<Event>
    | FieldCounter<"distinct", Event, FieldFor<Schemas, Event, string | number | boolean>>
    | FieldCounter<"sum", Event, FieldFor<Schemas, Event, number>>
    | FieldCounter<"first" | "last", Event, FieldOf<Schemas, Event>>;
}[keyof Schemas & string];

/** What a counter says: a number, or the value that `first` and `last` found. */
export type CounterValue<Schemas extends EventSchemas, Counter> = Counter extends {
  readonly kind: "first" | "last";
  readonly event: infer Event extends keyof Schemas & string;
  readonly field: infer Field extends string;
}
  ? NonNullable<z.output<Schemas[Event]>[Field & keyof z.output<Schemas[Event]>]> | null
  : number;

export interface DefineActivityOptions<
  Schemas extends EventSchemas,
  Counts extends Readonly<Record<string, CounterFor<Schemas>>>,
> {
  /** Lower-case letters, digits and underscores. It stands in each row of the activity: it cannot be changed later. */
  readonly name: string;
  /** An activity session ends when nothing happens for longer than this, from `"1m"` to `"7d"`. */
  readonly gap: Duration;
  /**
   * How old an event may be when it is recorded, up to `"14d"`. An older one is counted as too late, and is in no activity
   * session. Default `"24h"`.
   */
  readonly lateness?: Duration;
  /**
   * An activity session that would last longer is cut, from the gap to `"7d"`. A day is cut at midnight in UTC. Default
   * `"1d"`, or the gap if that is longer.
   */
  readonly atMost?: Duration;
  /**
   * Which moment places an event: that of the event, or that at which a node recorded it. Default `"event"`. With it, an
   * event from the future counts as if it happened when it was recorded.
   */
  readonly clock?: "event" | "server";
  /** The events that belong to it, and the data of each. An event may belong to several activities, with one schema object. */
  readonly events: Schemas;
  /** The counters of each activity session. */
  readonly counts?: Counts;
}

/** One kind of activity, whose events form activity sessions. */
export interface Activity<
  Schemas extends EventSchemas = EventSchemas,
  Counts extends Readonly<Record<string, CounterFor<Schemas>>> = Readonly<Record<string, CounterFor<Schemas>>>,
> {
  readonly name: string;
  readonly events: Schemas;
  readonly counts: Counts;
  readonly clock: "event" | "server";
  readonly latenessMs: number;
  readonly rules: SessionRules;
}

/** Any activity. */
// A counter of one schema does not fit those of another one, so only `any` fits all.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyActivity = Activity<any, any>;

/** The counters' values in an activity session. */
export type CountsOf<A extends AnyActivity> = {
  readonly [Name in keyof A["counts"]]: CounterValue<A["events"], A["counts"][Name]>;
};

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MAX_COUNTERS = 50;

/**
 * Defines an activity.
 *
 * @throws {SessionsError} `configuration_invalid`, which names the option.
 * @example
 * const reading = defineActivity({
 *   name: "reading",
 *   gap: "1h",
 *   events: { post_opened: z.object({ post: z.string().max(50) }) },
 *   counts: { posts: count("post_opened"), different: distinct("post_opened", "post") },
 * });
 */
export function defineActivity<
  const Schemas extends EventSchemas,
  const Counts extends Readonly<Record<string, CounterFor<Schemas>>> = Record<never, never>,
>(options: DefineActivityOptions<Schemas, Counts>): Activity<Schemas, Counts> {
  const { name, gap, lateness = "24h", events, clock = "event" } = options;
  const counts = options.counts ?? ({} as Counts);
  requireName("name", name);
  const gapMs = requireDuration("gap", gap, MINUTE_MS, 7 * DAY_MS);
  const atMost = options.atMost ?? (gapMs > DAY_MS ? gap : "1d");
  const atMostMs = requireDuration("atMost", atMost, gapMs, 7 * DAY_MS);
  const latenessMs = requireDuration("lateness", lateness, MINUTE_MS, 14 * DAY_MS);
  if (clock !== "event" && clock !== "server") throw invalid("clock", '"event" or "server"');
  if (Object.keys(events).length === 0) throw invalid("events", "an object with at least one event");
  for (const event of Object.keys(events)) requireName(`events.${event}`, event);
  const counters: Counters = counts;
  if (Object.keys(counters).length > MAX_COUNTERS)
    throw invalid("counts", `an object of up to ${MAX_COUNTERS} counters`);
  for (const [counter, { event }] of Object.entries(counters)) {
    requireName(`counts.${counter}`, counter);
    if (!Object.hasOwn(events, event)) throw invalid(`counts.${counter}`, "a counter of one of `events`");
  }
  return { name, events, counts, clock, latenessMs, rules: { gapMs, atMostMs, counters } };
}

function requireDuration(option: string, given: string, leastMs: number, mostMs: number): number {
  const ms = durationMs(given);
  if (ms === undefined || ms < leastMs || ms > mostMs) {
    throw invalid(option, `a duration from ${textOf(leastMs)} to ${textOf(mostMs)}, such as "1h"`);
  }
  return ms;
}

const textOf = (ms: number) => (ms % DAY_MS === 0 ? `"${ms / DAY_MS}d"` : `"${ms / MINUTE_MS}m"`);

/** Names stand in messages and in columns. */
function requireName(option: string, name: unknown): void {
  if (typeof name !== "string" || !/^[a-z][A-Za-z0-9_]{0,62}$/.test(name)) {
    throw invalid(option.slice(0, 100), "a name: a lower-case letter, then up to 62 letters, digits and underscores");
  }
}

function invalid(option: string, expected: string): SessionsError {
  return new SessionsError("configuration_invalid", `\`${option}\` of an activity is ${expected}.`);
}
