import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { mergeStates, valuesOf, type CounterStates } from "../definition/counter-states.ts";
import type { AnyActivity, CountsOf } from "../definition/define-activity.ts";
import { countLate, listArchived, listPieces } from "../rows/session-pages.ts";
import type { ActivityTables } from "../rows/tables.ts";
import { sessionsOf } from "../sessionizer/sessionize.ts";
import type { Span } from "../sessionizer/span.ts";

/** One activity session. */
export interface ActivitySession<A extends AnyActivity = AnyActivity> {
  /** The moment of its first event, in milliseconds since 1970. No two of an owner's in one activity share it. */
  readonly startedMs: number;
  /** The moment of its last event. */
  readonly lastMs: number;
  readonly events: number;
  /** Whether an event of now would belong to it. */
  readonly isOpen: boolean;
  readonly counts: CountsOf<A>;
}

export interface ActivityPageRequest {
  /** At most this many, from 1 to 100. Default 20. */
  readonly limit?: number;
  /** Only those that began before this: `next` of the page before. */
  readonly before?: number;
}

export interface ActivityPage<A extends AnyActivity = AnyActivity> {
  /** The latest first. */
  readonly sessions: readonly ActivitySession<A>[];
  /** Null if there are no more. */
  readonly next: number | null;
}

/** A part of time, in milliseconds since 1970. */
export interface CountedTime {
  readonly fromMs: number;
  /** Default: now. */
  readonly untilMs?: number;
}

export interface ActivityCounts<A extends AnyActivity = AnyActivity> {
  readonly sessions: number;
  readonly events: number;
  /** Events that came too late, on the days of this time in UTC. They are in no activity session. */
  readonly late: number;
  readonly counts: CountsOf<A>;
  /** False if there are more than 10,000 activity sessions. Then the latest 10,000 are counted. */
  readonly isComplete: boolean;
}

const MAX_LIMIT = 100;
const COUNTED_AT_ONCE = 500;
const MAX_COUNTED = 10_000;
/** Later than any event may be. */
const DAY_MS = 86_400_000;

interface ReaderOptions {
  readonly db: Kysely<ActivityTables>;
  readonly schema: string;
  readonly now: () => number;
}

/** Reads the activity sessions of one owner. */
export class SessionReader {
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  async current<A extends AnyActivity>(owner: string, activity: A): Promise<ActivitySession<A> | null> {
    const [latest] = await this.#latest(owner, activity, this.#options.now() + DAY_MS, 1);
    const session = latest && this.#told(activity, latest);
    return session?.isOpen ? session : null;
  }

  async list<A extends AnyActivity>(
    owner: string,
    activity: A,
    { limit = 20, before = this.#options.now() + DAY_MS }: ActivityPageRequest = {},
  ): Promise<ActivityPage<A>> {
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
      throw new SessionsError("configuration_invalid", `\`limit\` is a whole number from 1 to ${MAX_LIMIT}.`);
    }
    requireMoment("before", before);
    const found = await this.#latest(owner, activity, before, limit + 1);
    const spans = found.slice(0, limit);
    return {
      sessions: spans.map((span) => this.#told(activity, span)),
      next: found.length > limit ? spans.at(-1)!.startedMs : null,
    };
  }

  async counts<A extends AnyActivity>(
    owner: string,
    activity: A,
    { fromMs, untilMs = this.#options.now() }: CountedTime,
  ): Promise<ActivityCounts<A>> {
    requireMoment("fromMs", fromMs);
    requireMoment("untilMs", untilMs);
    const { db, schema } = this.#options;
    const { counters } = activity.rules;
    let [sessions, events] = [0, 0];
    let states: CounterStates = {};
    let beforeMs = untilMs;
    let more = true;
    while (more && sessions < MAX_COUNTED) {
      const page = await this.#latest(owner, activity, beforeMs, COUNTED_AT_ONCE);
      const spans = page.filter(({ startedMs }) => startedMs >= fromMs);
      sessions += spans.length;
      for (const span of spans) {
        events += span.events;
        states = mergeStates(counters, states, span.counts);
      }
      more = spans.length === COUNTED_AT_ONCE;
      beforeMs = spans.at(-1)?.startedMs ?? fromMs;
    }
    const late = await countLate(db, schema, { owner, activity: activity.name, fromMs, untilMs });
    return { sessions, events, late, counts: valuesOf(counters, states) as CountsOf<A>, isComplete: !more };
  }

  /** The latest activity sessions that began before a moment. */
  async #latest(
    owner: string,
    { name, rules }: AnyActivity,
    beforeMs: number,
    limit: number,
  ): Promise<readonly Span[]> {
    const { db, schema } = this.#options;
    const page = { owner, activity: name, beforeMs, limit };
    // In this order: one that moves to the archive meanwhile is found there, and maybe twice.
    const pieces = await listPieces(db, schema, page);
    const archived = await listArchived(db, schema, page);
    const spans = new Map([...sessionsOf(rules, pieces), ...archived].map((span) => [span.startedMs, span]));
    return [...spans.values()]
      .filter(({ startedMs }) => startedMs < beforeMs)
      .toSorted((a, b) => b.startedMs - a.startedMs)
      .slice(0, limit);
  }

  #told<A extends AnyActivity>({ rules }: A, { startedMs, lastMs, events, counts }: Span): ActivitySession<A> {
    const isOpen = this.#options.now() - lastMs <= rules.gapMs;
    return { startedMs, lastMs, events, isOpen, counts: valuesOf(rules.counters, counts) as CountsOf<A> };
  }
}

function requireMoment(name: string, ms: number): void {
  if (!Number.isSafeInteger(ms) || ms < 0 || ms > 8.64e15) {
    throw new SessionsError("configuration_invalid", `\`${name}\` is a moment, in milliseconds since 1970.`);
  }
}
