import { expect, test } from "vitest";
import { MAX_DISTINCT, mergeStates, statesOfEvent, valuesOf, type Counters } from "./counter-states.ts";
import { count, distinct, first, last, sum } from "./counters.ts";

const event = (atMs: number, data: object, id = `${atMs}`) => ({ id, atMs, name: "paid", data: { ...data } });
const after = (counters: Counters, ...events: readonly ReturnType<typeof event>[]) =>
  events.map((each) => statesOfEvent(counters, each)).reduce((a, b) => mergeStates(counters, a, b), {});

const counters = {
  payments: count("paid"),
  people: distinct("paid", "to"),
  cents: sum("paid", "cents"),
  earliest: first("paid", "to"),
  latest: last("paid", "to"),
  others: count("refunded"),
};

test("each counter says what its page promises", () => {
  const events = [event(2, { to: "b", cents: 5 }), event(1, { to: "a", cents: -2 }), event(3, { cents: 4 })];
  expect(valuesOf(counters, after(counters, ...events))).toEqual({
    payments: 3,
    people: 2,
    cents: 7,
    earliest: "a",
    latest: "b",
    others: 0,
  });
  expect(valuesOf(counters, {})).toEqual({
    payments: 0,
    people: 0,
    cents: 0,
    earliest: null,
    latest: null,
    others: 0,
  });
});

test("of two events at one moment, the id decides which one is the first", () => {
  const [a, b] = [event(1, { to: "a" }, "1"), event(1, { to: "b" }, "2")];
  expect(after(counters, b, a)).toEqual(after(counters, a, b));
  expect(valuesOf(counters, after(counters, b, a))).toMatchObject({ earliest: "a", latest: "b" });
});

test("values that only look alike are told apart, also long ones", () => {
  const texts = ["1", 1, true, "true", "x".repeat(100), "x".repeat(101)];
  const states = after(counters, ...texts.map((to, index) => event(index, { to })));
  expect(valuesOf(counters, states)).toMatchObject({ people: texts.length });
});

test("S25: of more values than `distinct` tells apart, it keeps the same ones in each order", () => {
  const keys = Array.from({ length: MAX_DISTINCT + 10 }, (_, index) => `${index}`.padStart(6, "0"));
  const [low, high] = [{ people: keys.slice(0, 9_000) }, { people: keys.slice(8_000) }];
  const merged = mergeStates(counters, low, high);
  expect(merged).toEqual(mergeStates(counters, high, low));
  expect(valuesOf(counters, merged)).toMatchObject({ people: MAX_DISTINCT });
});

test("a state of a counter that was of another kind, or a fraction of then, stops nothing", () => {
  const before = after(counters, event(1, { to: "a", cents: 1 }));
  const now: Counters = {
    payments: sum("paid", "cents"),
    people: first("paid", "to"),
    cents: count("paid"),
    earliest: distinct("paid", "to"),
    latest: last("paid", "to"),
  };
  const merged = mergeStates(now, before, statesOfEvent(now, event(2, { to: "b", cents: 2 })));
  expect(valuesOf(now, merged)).toEqual({ payments: 2, people: "b", cents: 1, earliest: 1, latest: "b" });
  expect(valuesOf(now, before)).toEqual({ payments: 0, people: null, cents: 0, earliest: 0, latest: "a" });
  expect(statesOfEvent(now, event(3, { cents: 0.5 }))).not.toHaveProperty("payments");
});
