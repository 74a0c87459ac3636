import { expect, test } from "vitest";
import type { PlacedEvent } from "../definition/counter-states.ts";
import { count, distinct, first, last, sum } from "../definition/counters.ts";
import { Random } from "../../testing/random.ts";
import { joinPieces, sessionize, sessionsOf } from "./sessionize.ts";
import { isNear, spanOf, type Span } from "./span.ts";
import type { SessionRules } from "../definition/session-rules.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const midnightMs = Date.UTC(2026, 10, 28);

const rules: SessionRules = {
  gapMs: HOUR_MS,
  atMostMs: 24 * HOUR_MS,
  counters: {
    posts: count("post_opened"),
    different: distinct("post_opened", "post"),
    cents: sum("paid", "cents"),
    entered: first("post_opened", "post"),
    left: last("post_opened", "post"),
  },
};

/** Opens a post. Hours count from a midnight. */
const at = (hours: number, post = "a"): PlacedEvent => ({
  id: `event at ${hours}`,
  atMs: Math.round(midnightMs + hours * HOUR_MS),
  name: "post_opened",
  data: { post },
});

const hoursOf = (spans: readonly Span[]) =>
  spans.map(({ startedMs, lastMs }) => [(startedMs - midnightMs) / HOUR_MS, (lastMs - midnightMs) / HOUR_MS]);

/** Hours that are a millisecond later. */
const LATER = 1 / HOUR_MS;

/** Each full hour. */
const hours = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test.each<[string, readonly number[], readonly (readonly [number, number])[]]>([
  ["no event makes none", [], []],
  ["one event is one, of no length", [1], [[1, 1]]],
  ["two events at one moment are one", [1, 1], [[1, 1]]],
  ["an event exactly at the gap joins", [1, 2], [[1, 2]]],
  [
    "an event a millisecond after the gap does not",
    [1, 2 + LATER],
    [
      [1, 1],
      [2 + LATER, 2 + LATER],
    ],
  ],
  ["each gap counts from the event before", [1, 2, 3, 4], [[1, 4]]],
  ["an event that comes late joins two", [1, 3, 2], [[1, 3]]],
  [
    "an event that comes late joins only the one that is near",
    [1, 4, 2],
    [
      [1, 2],
      [4, 4],
    ],
  ],
  ["an event before the first extends it", [1, 0.5], [[0.5, 1]]],
  [
    "an event long before the first is one of its own",
    [5, 1],
    [
      [1, 1],
      [5, 5],
    ],
  ],
  ["a short run over midnight is one", [-0.5, 0, 0.5], [[-0.5, 0.5]]],
  ["a run of exactly a day is one", hours(-3, 21), [[-3, 21]]],
  [
    "a run that is longer by a millisecond is cut at midnight",
    [...hours(-3, 20), 20.5, 21 + LATER],
    [
      [-3, -1],
      [0, 21 + LATER],
    ],
  ],
  [
    "a run of days is cut at each midnight",
    hours(-3, 51),
    [
      [-3, -1],
      [0, 23],
      [24, 47],
      [48, 51],
    ],
  ],
  [
    "a midnight event is of the day that begins",
    hours(0, 25),
    [
      [0, 23],
      [24, 25],
    ],
  ],
])("%s", (_, times, expected) => {
  const events = times.map((hour) => at(hour));
  expect(hoursOf(sessionize(rules, events)), "all at once").toEqual(expected);
  const pieces = events.reduce<readonly Span[]>((stored, event) => store(stored, [event]), []);
  expect(hoursOf(sessionsOf(rules, pieces)), "one by one").toEqual(expected);
});

/** What the background work does with new events: it loads the pieces that are near, and joins. */
function store(stored: readonly Span[], events: readonly PlacedEvent[]): readonly Span[] {
  const added = events.map((event) => spanOf(rules, event));
  const [fromMs, untilMs] = [
    Math.min(...added.map((span) => span.startedMs)),
    Math.max(...added.map((span) => span.lastMs)),
  ];
  const around: Span = { startedMs: fromMs, lastMs: untilMs, events: 0, counts: {} };
  const near = stored.filter((piece) => isNear(rules, piece, around) && isNear(rules, around, piece));
  return [...stored.filter((piece) => !near.includes(piece)), ...joinPieces(rules, [...near, ...added])];
}

test("S22: 100,000 orders of late, doubled and bridging events give the activity sessions of the sorted whole", () => {
  const random = new Random(22);
  for (let round = 0; round < 2_000; round += 1) {
    const events = someEvents(random);
    const expected = sessionize(rules, events);
    const text = JSON.stringify(expected);
    for (let order = 0; order < 50; order += 1) {
      const found = inSomeOrder(random, events);
      // `toEqual` alone would take a minute.
      if (JSON.stringify(found) !== text) expect(found, `round ${round}`).toEqual(expected);
    }
  }
}, 60_000);

/** The activity sessions when the events come in batches, each event once or twice. Its row counts it once. */
function inSomeOrder(random: Random, events: readonly PlacedEvent[]): readonly Span[] {
  let pieces: readonly Span[] = [];
  const known = new Set<string>();
  const arrivals = shuffled(random, [...events, ...events.filter(() => random.next() < 0.2)]);
  while (arrivals.length > 0) {
    const batch = arrivals.splice(0, random.between(1, 4)).filter(({ id }) => !known.has(id) && known.add(id));
    if (batch.length > 0) pieces = store(pieces, batch);
  }
  return sessionsOf(rules, pieces);
}

/** Up to nine events, often exactly at the gap, or a run of more than a day. */
function someEvents(random: Random): readonly PlacedEvent[] {
  const steps = [0, 1, MINUTE_MS, HOUR_MS - 1, HOUR_MS, HOUR_MS, HOUR_MS + 1, 5 * HOUR_MS];
  const isLong = random.next() < 0.03;
  let atMs = midnightMs + random.between(-3, 3) * HOUR_MS;
  return Array.from({ length: isLong ? 30 : random.between(1, 9) }, (_, index) => {
    atMs += isLong ? HOUR_MS - random.between(0, 1) : random.pick(steps);
    const data = { post: random.pick(["a", "b", "c"]), cents: random.between(-5, 5) };
    return { id: `${index}`.padStart(3, "0"), atMs, name: random.pick(["post_opened", "paid"]), data };
  });
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: random.next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
