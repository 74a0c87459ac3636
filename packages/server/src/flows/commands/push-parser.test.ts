import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import type { Command } from "@sessions/core/internal";
import { defaultBounds } from "../configuration/bounds.ts";
import { oversizeRefusal, groupDraftCommands } from "./push-parser.ts";

const bounds = { ...defaultBounds, pushBytes: 1_000 };

test("S25: a push is weighed by its bytes, however they are spread", () => {
  expect(oversizeRefusal([{ input: "x".repeat(900) }], bounds)).toBeNull();
  for (const large of [
    ["x".repeat(1_000)],
    ["ä".repeat(500)],
    [{ ["x".repeat(1_000)]: 1 }],
    [Array.from({ length: 1_000 }, () => 1)],
    [Array.from({ length: 250 }, () => [])],
    [nested(1_000)],
  ]) {
    expect(oversizeRefusal(large, bounds)).toEqual({ code: "too_large", atMost: 1_000 });
  }
});

test("S25: weighing what nests a million deep overflows nothing", () => {
  expect(oversizeRefusal([nested(1_000_000)], defaultBounds)).toMatchObject({ code: "too_large" });
});

test("drafts that follow one another are one group, and every other command is its own", () => {
  const kinds: Command["kind"][] = ["start", "draft", "draft", "submit", "draft", "cancel", "draft", "draft"];
  const indexed = kinds.map((kind, index) => ({ index, command: { kind, id: uuidv7() } as Command }));
  expect(groupDraftCommands(indexed).map((group) => group.map(({ index }) => index))).toEqual([
    [0],
    [1, 2],
    [3],
    [4],
    [5],
    [6, 7],
  ]);
});

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}
