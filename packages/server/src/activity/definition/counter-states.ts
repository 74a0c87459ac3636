import { hash } from "node:crypto";
import type { Json } from "@sessions/core/internal";
import type { Counter } from "./counters.ts";

/** One event, at the moment that counts for its activity. */
export interface PlacedEvent {
  readonly id: string;
  readonly atMs: number;
  readonly name: string;
  readonly data: { readonly [field: string]: Json | undefined };
}

/** Where a value was found: two values are ordered by the moments and ids of their events. */
type FoundValue = readonly [atMs: number, id: string, value: Json];

/** A number for `count`, a whole number as text for `sum`, the keys of values for `distinct`, a value for `first` and `last`. */
export type CounterState = number | string | readonly string[] | FoundValue;

/** By the counters' names. A counter that has met no event has no state. */
export type CounterStates = Readonly<Record<string, CounterState>>;

export type Counters = Readonly<Record<string, Counter>>;

/** The most values that `distinct` tells apart in one activity session. */
export const MAX_DISTINCT = 10_000;

/** Longer values are kept as hashes of this length. */
const MAX_KEY_LENGTH = 22;

/** The states of all counters after one event. */
export function statesOfEvent(counters: Counters, event: PlacedEvent): CounterStates {
  const states: Record<string, CounterState> = {};
  for (const [name, counter] of Object.entries(counters)) {
    if (counter.event !== event.name) continue;
    const state = stateOf(counter, event);
    if (state !== undefined) states[name] = state;
  }
  return states;
}

/** The states after the events of both. The order in which states are merged makes no difference. */
export function mergeStates(counters: Counters, a: CounterStates, b: CounterStates): CounterStates {
  const states: Record<string, CounterState> = {};
  for (const [name, { kind }] of Object.entries(counters)) {
    const [one, other] = [fitting(kind, a[name]), fitting(kind, b[name])];
    const state = one === undefined || other === undefined ? (one ?? other) : merge(kind, one, other);
    if (state !== undefined) states[name] = state;
  }
  return states;
}

/** What each counter says. */
export function valuesOf(counters: Counters, states: CounterStates): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    Object.entries(counters).map(([name, { kind }]) => [name, valueOf(kind, fitting(kind, states[name]))] as const),
  );
}

function stateOf(counter: Counter, { id, atMs, data }: PlacedEvent): CounterState | undefined {
  if (counter.kind === "count") return 1;
  const value = data[counter.field];
  if (value === undefined || value === null) return undefined;
  if (counter.kind === "distinct") return [keyOf(value)];
  // An earlier version of the activity may have recorded fractions, when nothing added them up.
  if (counter.kind === "sum") return Number.isSafeInteger(value) ? JSON.stringify(value) : undefined;
  return [atMs, id, value];
}

function keyOf(value: Json): string {
  const text = JSON.stringify(value);
  return text.length <= MAX_KEY_LENGTH ? text : hash("sha256", text, "base64url").slice(0, MAX_KEY_LENGTH);
}

/** A state, unless it was made when the counter was of another kind: then it is as if there was none. */
function fitting(kind: Counter["kind"], state: CounterState | undefined): CounterState | undefined {
  if (kind === "count") return typeof state === "number" ? state : undefined;
  if (kind === "sum") return typeof state === "string" ? state : undefined;
  if (!Array.isArray(state)) return undefined;
  return (typeof state[0] === "number") === (kind === "first" || kind === "last") ? state : undefined;
}

// Each state fits its counter.
function merge(kind: Counter["kind"], one: CounterState, other: CounterState): CounterState {
  if (kind === "count") return (one as number) + (other as number);
  if (kind === "sum") return String(BigInt(one as string) + BigInt(other as string));
  if (kind === "distinct") return union(one as readonly string[], other as readonly string[]);
  const isLater = isAfter(other as FoundValue, one as FoundValue);
  return isLater === (kind === "last") ? other : one;
}

function isAfter([atMs, id]: FoundValue, [otherMs, otherId]: FoundValue): boolean {
  return atMs === otherMs ? id > otherId : atMs > otherMs;
}

/** Of too many keys the smallest stay, so that the number does not depend on the order of the events. */
function union(one: readonly string[], other: readonly string[]): readonly string[] {
  return [...new Set([...one, ...other])].toSorted((a, b) => (a < b ? -1 : 1)).slice(0, MAX_DISTINCT);
}

function valueOf(kind: Counter["kind"], state: CounterState | undefined): Json {
  if (kind === "count") return (state as number | undefined) ?? 0;
  if (kind === "sum") return Number(state ?? 0);
  if (kind === "distinct") return (state as readonly string[] | undefined)?.length ?? 0;
  return (state as FoundValue | undefined)?.[2] ?? null;
}
