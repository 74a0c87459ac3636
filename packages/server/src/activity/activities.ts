import type { z } from "zod";
import type { AnyActivity } from "./definition/define-activity.ts";
import type { SweepOptions } from "../repeated-sweeps.ts";
import type {
  ActivityCounts,
  ActivityPage,
  ActivityPageRequest,
  ActivitySession,
  CountedTime,
} from "./reads/session-reader.ts";
import type { Adoption } from "../postgres/adoption.ts";
import type { EventOptions } from "./recorder/event-check.ts";

type Intersection<Union> = (Union extends unknown ? (member: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;

/** The events of some activities, by name. */
export type EventsOf<Activities extends readonly AnyActivity[]> = Intersection<Activities[number]["events"]>;

/** The data that the schema of an event accepts. */
export type EventInput<Events, Event extends keyof Events> = Events[Event] extends z.ZodType
  ? z.input<Events[Event]>
  : never;

/** Records events. Activity sessions are built from them in the background. */
export interface Activities<Declared extends readonly AnyActivity[] = readonly AnyActivity[]> {
  /**
   * Records an event of an owner. It is stored when the promise resolves, with its id. Events that are recorded at the same
   * time share a statement.
   *
   * @throws {SessionsError} `event_invalid`, or `queue_full` if too many wait: then nothing was recorded. After
   * `database_unreachable` the event may be stored or not: record it again with the same `id`, and it counts once.
   * @example
   * await activity.record(owner, "post_opened", { post: "42" });
   */
  record<Event extends keyof EventsOf<Declared> & string>(
    owner: string,
    event: Event,
    data: EventInput<EventsOf<Declared>, Event>,
    options?: EventOptions,
  ): Promise<string>;
  /**
   * Records an event without waiting. It is written about 100 ms later, together with others. A crash of the process loses
   * the events that are not written yet: those of the last 100 ms, and while the database is away up to `queueSize`.
   * False if too many wait: then it is not recorded.
   *
   * @throws {SessionsError} `event_invalid`
   */
  recordSoon<Event extends keyof EventsOf<Declared> & string>(
    owner: string,
    event: Event,
    data: EventInput<EventsOf<Declared>, Event>,
    options?: EventOptions,
  ): boolean;
  /**
   * The activity session that an event of now would belong to; null if there is none. Events of the last second may not be
   * in it yet: await `caughtUp` first if they must be.
   */
  current<A extends Declared[number]>(owner: string, activity: A): Promise<ActivitySession<A> | null>;
  /**
   * The activity sessions of an owner, the latest first, in pages.
   *
   * @example
   * const { sessions, next } = await activity.list(owner, reading, { limit: 10 });
   */
  list<A extends Declared[number]>(owner: string, activity: A, page?: ActivityPageRequest): Promise<ActivityPage<A>>;
  /** The counters of all activity sessions of an owner that began in some time, together. */
  counts<A extends Declared[number]>(owner: string, activity: A, time: CountedTime): Promise<ActivityCounts<A>>;
  /**
   * Resolves when all events that are stored now are counted. Some node must build.
   *
   * @throws {SessionsError} `projection_late` after `timeMs` milliseconds, by default 5,000.
   */
  caughtUp(options?: { readonly timeMs?: number }): Promise<void>;
  /** Moves activity sessions that can change no more to the archive now. Gives how many. A node with `builds` does it at intervals. */
  sweep(options?: SweepOptions): Promise<number>;
  /** Gives the events of a visitor to the owner who signs in: `signIns.adopts(activity.adoption)`. */
  readonly adoption: Adoption;
  /** Creates the tables, or brings them up to date. Run it once before serving. */
  migrate(): Promise<void>;
  /** Begins to build activity sessions on this node, after `migrate`. With `builds: false` it only checks the tables. */
  start(): Promise<void>;
  /** Writes what waits, and stops. The database stays open. */
  close(): Promise<void>;
}
