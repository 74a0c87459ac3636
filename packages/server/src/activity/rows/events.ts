import { CompiledQuery, type Kysely } from "kysely";
import type { PlacedEvent } from "../definition/counter-states.ts";
import type { ActivityTables } from "./tables.ts";

/** A row of `activity_event`, before it is written. */
export interface EventRow {
  readonly owner: string;
  readonly atMs: number;
  readonly id: string;
  readonly name: string;
  /** JSON. */
  readonly data: string;
  readonly receivedMs: number;
}

/** An event of the log. */
export interface LoggedEvent {
  readonly owner: string;
  readonly id: string;
  readonly name: string;
  readonly data: PlacedEvent["data"];
  readonly atMs: number;
  readonly receivedMs: number;
}

/** An event as the feed gives it. */
export interface FedEvent extends LoggedEvent {
  /** Whether it was counted as a visitor's, before it was given to the owner. */
  readonly isCounted: boolean;
}

/**
 * Adds many events in one statement. An id that the owner has already is not added again. The events are sorted by owner
 * and id, so that two statements wait for each other and do not deadlock.
 */
export async function insertEvents(
  db: Kysely<ActivityTables>,
  schema: string,
  events: readonly EventRow[],
): Promise<void> {
  const lists = [
    events.map(({ owner }) => owner),
    events.map(({ atMs }) => iso(atMs)),
    events.map(({ id }) => id),
    events.map(({ name }) => name),
    events.map(({ data }) => data),
    events.map(({ receivedMs }) => iso(receivedMs)),
  ];
  await db.executeQuery(
    CompiledQuery.raw(
      textOf(schema),
      lists.map((list) => JSON.stringify(list)),
    ),
  );
}

const types = ["text", "timestamptz", "uuid", "text", "json", "timestamptz"];

/** Lists are JSON texts, because drivers send arrays in different ways. */
function textOf(schema: string): string {
  const lists = types.map(
    (type, index) => `array(select json_array_elements_text($${index + 1}::text::json))::${type}[]`,
  );
  return `
    insert into "${schema}"."activity_event" (owner_id, at, id, name, data, received_at)
    select * from unnest(${lists.join(", ")})
    on conflict do nothing`;
}

let [knownMs, known] = [Number.NaN, ""];

/** Neighbours often share a moment. */
function iso(ms: number): string {
  if (ms !== knownMs) [knownMs, known] = [ms, new Date(ms).toISOString()];
  return known;
}
