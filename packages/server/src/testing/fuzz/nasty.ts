import fc from "fast-check";

/** Texts that are not valid times, or are at the edge of it. */
export const oddTime = fc.constantFrom(
  "1970-01-01T00:00:00Z",
  "0000-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999999999Z",
  `2026-01-01T00:00:00.${"1".repeat(200)}Z`,
  "2026-02-30T00:00:00Z",
  "2026-01-01T24:00:00Z",
  "2026-01-01T00:00Z",
  "+275760-09-13T00:00:00.000Z",
  "infinity",
);

/** Single values that no honest client sends. */
export const nasty: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    "\0",
    "\ud800",
    "__proto__",
    "constructor",
    -1,
    -0,
    1e308,
    2 ** 53,
    2 ** 31,
    0.1,
    [],
    {},
    [[[[[[]]]]]],
    "00000000-0000-0000-0000-000000000000",
    "01900000-0000-7000-8000-00000000000G",
    "999999999999999-ffff-01900000-0000-7000-8000-000000000000",
    "000000000000000-0000-------------------------------------",
  ),
  oddTime,
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.integer({ min: 1, max: 100_000 }).map((length) => "ä".repeat(length)),
  fc.integer({ min: 1, max: 5_000 }).map((length) => Array.from({ length }, () => 0)),
  fc
    .integer({ min: 1, max: 3_000 })
    .map((length) => Object.fromEntries(Array.from({ length }, (_, at) => [`k${at}`, at]))),
  fc.integer({ min: 20, max: 300 }).map((levels) => {
    let value: unknown = 1;
    for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
    return value;
  }),
  fc
    .constantFrom<() => unknown>(
      () => "\0".repeat(200_000),
      () => Array.from({ length: 21_000 }, () => ({})),
      () => Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`k${at}`, at])),
      () => Array.from({ length: 3_000 }).reduce((inner) => [inner], 1),
      () => JSON.parse(`{"__proto__":{"a":1},"a":[{"__proto__":1}]}`),
    )
    .map((make) => make()),
  fc.dictionary(fc.string({ unit: "binary", maxLength: 10 }), fc.jsonValue()),
  fc.jsonValue(),
  fc.double(),
);

export interface Mutation {
  /** The number of the part within the value. */
  readonly at: number;
  readonly how: "replace" | "remove" | "add" | "rename";
  readonly by: unknown;
}

export const mutations = fc.array(
  fc.record<Mutation>({
    at: fc.nat(),
    how: fc.constantFrom("replace", "replace", "remove", "add", "rename"),
    by: nasty,
  }),
  { maxLength: 3 },
);

/** A value with some of its parts replaced, taken out, added to or renamed. */
export function mutated(value: unknown, changes: readonly Mutation[]): unknown {
  const root = { value: structuredClone(value) };
  for (const { at, how, by } of changes) {
    const places = placesIn(root);
    if (places.length === 0) break;
    const { parent, key } = places[at % places.length]!;
    if (how === "replace" || Array.isArray(parent)) parent[key] = by;
    else if (how === "remove") delete parent[key];
    else if (how === "add") define(parent, keyOf(by), by);
    else {
      const moved = parent[key];
      if (parent === root) continue;
      delete parent[key];
      define(parent, keyOf(by), moved);
    }
  }
  return root.value;
}

type Parent = Record<string, unknown>;

const keyOf = (by: unknown) => (typeof by === "string" ? by : (JSON.stringify(by) ?? "")).slice(0, 300);

/** Sets a key as JSON.parse does: `__proto__` is a key like any other. */
function define(parent: Parent, key: string, value: unknown): void {
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

function placesIn(root: Parent): readonly { readonly parent: Parent; readonly key: string }[] {
  const places: { readonly parent: Parent; readonly key: string }[] = [];
  const stack: Parent[] = [root];
  for (let parent = stack.pop(); parent !== undefined; parent = stack.pop()) {
    for (const [key, part] of Object.entries(parent).slice(0, 50)) {
      places.push({ parent, key });
      if (typeof part === "object" && part !== null && places.length < 500) stack.push(part as Parent);
    }
  }
  return places;
}
