import { SessionsError, toStorableJson } from "@sessions/core/internal";
import type { AnyActivity, EventSchema } from "../definition/define-activity.ts";
import type { EventRow } from "../rows/events.ts";
import { momentOf } from "../../uuid-v7.ts";
import { eventIdOf, isMoment, MAX_EVENT_ID, newEventId } from "./event-id.ts";

/** The name and moment of an event that is recorded. */
export interface EventOptions {
  /**
   * Names the event: of all events of an owner with one id, the first one counts. A UUIDv7, whose moment is that of the
   * event. Or any text of up to 200 characters, together with `at`. Default: a new one.
   */
  readonly id?: string;
  /** When it happened: a date, or milliseconds since 1970. Default: now. */
  readonly at?: Date | number;
}

/** The longest data of one event, in characters of JSON. */
export const MAX_DATA_LENGTH = 4_096;
/** Events that are older, or further in the future, are refused, in milliseconds. */
export const OLDEST_MS = 60 * 86_400_000;
export const NEWEST_MS = 86_400_000;

/** Checks events before they are written. */
export class EventCheck {
  readonly #schemas = new Map<string, EventSchema>();
  /** The fields of each event that hold whole numbers. */
  readonly #sums = new Map<string, readonly string[]>();
  readonly #now: () => number;

  /** @throws {SessionsError} `configuration_invalid` if two activities give one event two schemas. */
  constructor(activities: readonly AnyActivity[], now: () => number) {
    this.#now = now;
    for (const { events, rules } of activities) {
      for (const [name, schema] of Object.entries(events as Record<string, EventSchema>)) {
        if ((this.#schemas.get(name) ?? schema) !== schema) {
          throw new SessionsError("configuration_invalid", `Two activities give the event ${name} different schemas.`);
        }
        this.#schemas.set(name, schema);
        const fields = Object.values(rules.counters).flatMap((counter) =>
          counter.kind === "sum" && counter.event === name ? [counter.field] : [],
        );
        this.#sums.set(name, [...(this.#sums.get(name) ?? []), ...fields]);
      }
    }
  }

  /** The row of an event. @throws {SessionsError} `event_invalid`, which says nothing of the data. */
  rowOf(owner: string, name: string, data: unknown, options: EventOptions): EventRow {
    if (typeof owner !== "string" || owner === "" || owner.length > 200 || !toStorableJson(owner).ok) {
      throw invalid("The owner is a text of 1 to 200 characters.");
    }
    const schema = this.#schemas.get(name);
    if (schema === undefined) throw invalid("No activity has an event of this name.");
    const receivedMs = this.#now();
    return { owner, name, data: this.#textOf(name, schema, data), receivedMs, ...namedMoment(options, receivedMs) };
  }

  #textOf(name: string, schema: EventSchema, data: unknown): string {
    const parsed = schema.safeParse(data);
    if (!parsed.success) {
      const places = parsed.error.issues.slice(0, 3).map(({ path }) => path.map(String).join(".") || "it");
      throw invalid(`The data of ${name} does not fit its schema, at ${places.join(", ").slice(0, 200)}.`);
    }
    const storable = toStorableJson(parsed.data);
    if (!storable.ok) throw invalid(`The data of ${name} is no JSON that Postgres can store.`);
    for (const field of this.#sums.get(name) ?? []) {
      const value = parsed.data[field];
      if (value !== undefined && value !== null && !Number.isSafeInteger(value)) {
        throw invalid(`${name}.${field} is added up, so it is a whole number.`);
      }
    }
    const text = JSON.stringify(storable.value);
    if (text.length > MAX_DATA_LENGTH)
      throw invalid(`The data of ${name} is longer than ${MAX_DATA_LENGTH} characters.`);
    return text;
  }
}

function namedMoment({ id, at }: EventOptions, nowMs: number): { readonly id: string; readonly atMs: number } {
  if (id !== undefined && (typeof id !== "string" || id === "" || id.length > MAX_EVENT_ID)) {
    throw invalid(`The id of an event is a text of 1 to ${MAX_EVENT_ID} characters.`);
  }
  const ownMs = id === undefined ? undefined : momentOf(id);
  const givenMs = at === undefined ? undefined : Number(at);
  const atMs = givenMs ?? ownMs ?? (id === undefined ? nowMs : undefined);
  if (atMs === undefined) throw invalid("The id of an event is a UUIDv7, or comes with `at`: the two name the event.");
  if (ownMs !== undefined && atMs !== ownMs)
    throw invalid("The id of an event is a UUIDv7 of another moment than `at`.");
  if (!isMoment(atMs) || atMs < nowMs - OLDEST_MS || atMs > nowMs + NEWEST_MS) {
    throw invalid("The event is older than 60 days, or more than a day in the future. Its moment is in milliseconds.");
  }
  if (id === undefined) return { id: newEventId(atMs), atMs };
  return { id: ownMs === undefined ? eventIdOf(id, atMs) : id, atMs };
}

function invalid(detail: string): SessionsError {
  return new SessionsError("event_invalid", detail);
}
