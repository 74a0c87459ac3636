import { expect, test, vi } from "vitest";
import { z } from "zod";
import { SessionsError } from "@sessions/core/internal";
import { checkedOptions } from "./checked-options.ts";
import type { SignInsOptions } from "./options.ts";

const database = {} as SignInsOptions["database"];

test.each<readonly [option: string, value: string, given: object]>([
  ["schema", '"Sessions"', { schema: "Sessions" }],
  ["schema", '"a; drop table b"', { schema: "a; drop table b" }],
  ["rotate", '"15m"', { rotate: "15m" }],
  ["rotate", '"soon"', { rotate: "soon" }],
  ["rotate", "60", { rotate: 60 }],
  ["atMost.perOwner", "0", { atMost: { perOwner: 0, beyond: "refuse" } }],
  ["atMost.perOwner", "1.5", { atMost: { perOwner: 1.5, beyond: "refuse" } }],
  ["atMost.beyond", '"end-newest"', { atMost: { perOwner: 5, beyond: "end-newest" } }],
  ["revoke.fresh", '"soon"', { revoke: { fresh: "soon" } }],
  ["leaseMs", "-1", { leaseMs: -1 }],
  ["leaseMs", "NaN", { leaseMs: Number.NaN }],
  ["cacheBytes", '"lots"', { cacheBytes: "lots" }],
  ["origins[0]", '"https://app.example/"', { origins: ["https://app.example/"] }],
  ["origins[1]", '"app.example"', { origins: ["https://app.example", "app.example"] }],
  ["origins[0]", '"*"', { origins: ["*"] }],
  ["trustProxy", '"yes"', { trustProxy: "yes" }],
  ["cookieName", '"__Host-x"', { cookieName: "__Host-x" }],
  ["cookieName", '"a; Domain=b"', { cookieName: "a; Domain=b" }],
  ["locate", "null", { locate: null }],
  ["signal", '"revoke"', { signal: "revoke" }],
  ["now", "0", { now: 0 }],
  ["onError", "false", { onError: false }],
])("`%s` of %s is refused in one sentence that names both", (option, value, given) => {
  const check = () => checkedOptions({ database, ...given });
  expect(check).toThrow(SessionsError);
  expect(check).toThrow(new RegExp(`^configuration_invalid: \`${escaped(option)}\` .*${escaped(value)}\\.$`));
});

test("an option that does not exist is named, so that a misspelt one is found", () => {
  const check = (given: object) => () => checkedOptions({ database, ...given });
  const refused = (name: string) => `configuration_invalid: \`createSignIns\` has no option "${name}".`;
  expect(check({ expire: "aal2" })).toThrow(`${refused("expire")} Do you mean \`expires\`?`);
  expect(check({ shema: "x" })).toThrow(`${refused("shema")} Do you mean \`schema\`?`);
  expect(check({ retries: 3 })).toThrow(new RegExp(`${refused("retries")}$`));
});

test("`expires` is refused by its name", () => {
  expect(() => checkedOptions({ database, expires: "aal4" as never })).toThrow(/configuration_invalid: `expires`/);
});

test("a long value is named by its beginning", () => {
  const check = () => checkedOptions({ database, schema: "X".repeat(10_000) });
  expect(check).toThrow(/^configuration_invalid: .{1,200}$/);
});

test("no option but the database is needed", () => {
  expect(checkedOptions({ database })).toMatchObject({
    schema: "sessions",
    rotateMs: 86_400_000,
    atMost: { perOwner: 100, beyond: "end-oldest" },
    trustProxy: false,
    origins: [],
  });
});

test.each([() => "x".repeat(101), () => 7 as never, () => "a\0b"])(
  "a place that cannot be kept is no place, and is told without its text",
  (locate) => {
    const onError = vi.fn<(fault: SessionsError) => void>();
    const checked = checkedOptions({ database, locate, onError });
    expect(checked.locate({} as never)).toBeNull();
    expect(onError.mock.calls).toMatchObject([[{ code: "context_invalid" }]]);
    expect(onError.mock.calls[0]![0].message).not.toMatch(/xxx|7|a\0/);
  },
);

test("`locate` and `signal` that throw stop no sign-in", () => {
  const onError = vi.fn<(fault: SessionsError) => void>();
  const fail = () => {
    throw new Error("of the application");
  };
  const checked = checkedOptions({ database, locate: fail, signal: fail, onError });
  expect(checked.locate({} as never)).toBeNull();
  expect(checked.decide!({} as never)).toBe("note");
  expect(onError.mock.calls).toMatchObject([[{ code: "handler_failed" }], [{ code: "handler_failed" }]]);
});

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

test.each<readonly [problem: RegExp, data: object]>([
  [/has the key "a b"/, { "a b": { schema: z.string(), per: "owner" } }],
  [/has 51 keys/, Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, {}]))],
  [/`data.cart.schema` is no schema/, { cart: { schema: "string", per: "owner" } }],
  [/`data.cart.per` is "sign-in" or "owner"/, { cart: { schema: z.string(), per: "visit" } }],
  [/`data.cart.serverOnly` is true or false/, { cart: { schema: z.string(), per: "owner", serverOnly: "yes" } }],
])("a definition of `data` that cannot work is refused in a sentence: %s", (problem, data) => {
  const check = () => checkedOptions({ database, data: data as never });
  expect(check).toThrow(/^configuration_invalid: `data/);
  expect(check).toThrow(problem);
});

test.each<readonly [says: RegExp, handOff: unknown]>([
  [/`handOff` is true, false/, "yes"],
  [/`handOff.fresh` is a duration/, { fresh: "soon" }],
  [/`handOff.atMost.perAddress` is a whole number/, { atMost: { perAddress: 0 } }],
  [/`handOff.atMost.inTotal` is a whole number/, { atMost: { inTotal: 1.5 } }],
  [/`handOff.atMost.forever` is a whole number/, { atMost: { forever: true } }],
])("S26: a hand-off that cannot work is refused in one sentence: %s", (says, handOff) => {
  const options = { database, handOff } as SignInsOptions;
  expect(() => checkedOptions(options)).toThrow(says);
});

test("nothing is handed off unless the application says so", () => {
  expect(checkedOptions({ database }).handOff).toBeUndefined();
  expect(checkedOptions({ database, handOff: true }).handOff).toEqual({ freshMs: 900_000 });
  expect(checkedOptions({ database, handOff: { fresh: "5m", atMost: { perAddress: 3 } } })).toMatchObject({
    handOff: { freshMs: 300_000 },
    requestLimits: { perAddress: 3, inTotal: 10_000 },
  });
});
