import { expect, test } from "vitest";
import { MAX_COMMANDS } from "@sessions/core/internal";
import { rawPushes } from "../testing/fuzz/raw-pushes.ts";

const { post, pushText, raw, refusalsOf, nothingChanged } = await rawPushes();

const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;

test("S25: a hundred thousand commands in one push are refused as too many, once", async () => {
  const refusals = await refusalsOf(Array.from({ length: 100_000 }, () => "1").join(","));
  expect(refusals).toEqual([{ code: "too_many_commands", atMost: MAX_COMMANDS }]);
  await nothingChanged();
});

test.for<readonly [name: string, command: Record<string, unknown>]>([
  ["one text", { input: { a: "x".repeat(900_000) } }],
  ["small parts", { input: Array.from({ length: 200_000 }, () => 1) }],
  ["names", { seen: { ["x".repeat(900_000)]: null } }],
])("S25: a push that is too large by %s is refused once", async ([, command]) => {
  const refusals = await refusalsOf(raw(command), raw(command));
  expect(refusals).toEqual([{ code: "too_large", atMost: 1024 * 1024 }]);
  await nothingChanged();
});

const nul = "\0";

test.for<readonly [name: string, command: Record<string, unknown>, code: string]>([
  ["texts that cannot be kept", { input: Array.from({ length: 14_000 }, () => nul) }, "invalid_input"],
  [
    "names that cannot be kept",
    { input: Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`${nul}${at}`, 1])) },
    "invalid_input",
  ],
  [
    "unknown fields",
    { step: "end", input: Object.fromEntries(Array.from({ length: 4_000 }, (_, at) => [`${at}`, 1])) },
    "step_unreachable",
  ],
  ["fields of the wrong type", { input: { ["n".repeat(60_000)]: nul } }, "invalid_input"],
  ["wrong entries", { seen: Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`${at}`, 1])) }, "malformed"],
  [
    "entries that only look right",
    { seen: Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`${at}`, "x"])) },
    "malformed",
  ],
  ["stamps", { seenDrafts: Array.from({ length: 5_000 }, () => "x") }, "malformed"],
])("S25: of %s, twenty are told and the rest counted", async ([, command, code]) => {
  const { status, text } = await post(pushText(raw(command)));
  expect(status).toBe(200);
  expect(text).toContain(`"code":"${code}"`);
  expect(text.length).toBeLessThan(20_000);
});

test("S25: two hundred thousand wrong entries cost a moment", async () => {
  const entries = Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`${at}`, 1]));
  const started = performance.now();
  await refusalsOf(...Array.from({ length: 50 }, () => raw({ seen: entries })));
  expect(performance.now() - started).toBeLessThan(5_000);
});

const hostile = [
  ["200 kB of NULs", JSON.stringify("\0".repeat(200_000 / 6))],
  ["ten thousand levels", `${"[".repeat(10_000)}1${"]".repeat(10_000)}`],
  ["ten thousand objects in one another", deep(10_000)],
  ["a hundred thousand keys", JSON.stringify(Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [at, 1])))],
  ["__proto__", '{"__proto__":{"a":1},"a":{"__proto__":1}}'],
  ["a field __proto__", '{"__proto__":{"value":1,"at":"000000000000001-0000-01900000-0000-7000-8000-000000000000"}}'],
] as const;

test.for(
  hostile.flatMap(([name, text]) =>
    ["input", "seen", "seenDrafts", "fields", "step"].map((place) => [name, place, text] as const),
  ),
)("S25: %s as %s is refused in a moment", async ([, place, text]) => {
  const kind = place === "fields" ? { kind: "draft", seen: undefined } : {};
  const command = raw({ ...kind, [place]: "PLACE" }).replace('"PLACE"', () => text);
  const before = process.cpuUsage();
  const [refusal] = await refusalsOf(command);
  expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
  expect(refusal!["code"]).toMatch(/^(invalid_input|too_large|malformed|unknown_step)$/);
  await nothingChanged();
});
