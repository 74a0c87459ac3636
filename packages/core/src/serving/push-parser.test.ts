import { expect, test } from "vitest";
import type { Command } from "../protocol/command.ts";
import { idOf } from "../testing/commands.ts";
import { oversizeRefusal, groupDraftCommands } from "./push-parser.ts";

const byteLength = (text: string) => Buffer.byteLength(text);
const bounds = { pushBytes: 1_000 };

test("S25: a push is weighed by its bytes, however they are spread", () => {
  expect(oversizeRefusal([{ input: "x".repeat(900) }], bounds, byteLength)).toBeNull();
  for (const large of [
    ["x".repeat(1_000)],
    ["ä".repeat(500)],
    [{ ["x".repeat(1_000)]: 1 }],
    [Array.from({ length: 1_000 }, () => 1)],
    [Array.from({ length: 250 }, () => [])],
    [nested(1_000)],
  ]) {
    expect(oversizeRefusal(large, bounds, byteLength)).toEqual({ code: "too_large", atMost: 1_000 });
  }
});

test("S25: weighing what nests a million deep overflows nothing", () => {
  expect(oversizeRefusal([nested(1_000_000)], { pushBytes: 1024 * 1024 }, byteLength)).toMatchObject({
    code: "too_large",
  });
});

test("drafts that follow one another are one group, and every other command is its own", () => {
  const kinds: Command["kind"][] = ["start", "draft", "draft", "submit", "draft", "cancel", "draft", "draft"];
  const indexed = kinds.map((kind, index) => ({ index, command: { kind, id: idOf(index) } as Command }));
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
