import { expect, test } from "vitest";
import { z } from "zod";
import { createParser } from "./parser.ts";
import { step } from "../flow/step.ts";

test("S25: an input is parsed once for each step, however often it is judged", () => {
  let parsed = 0;
  const count = () => {
    parsed += 1;
    return true;
  };
  const [left, right] = [z.string(), z.number()].map((value) => step({ input: z.object({ value }).refine(count) }));
  const parse = createParser();
  const twice = [1, 2].map(() => [left!, right!].map((definition) => parse(definition, "step", { value: 1 })));
  expect(twice[0]!.map(({ ok }) => ok)).toEqual([false, true]);
  expect(twice[1]).toEqual(twice[0]);
  // What is no number is not counted: zod refines only what has the right types.
  expect(parsed).toBe(1);
  createParser()(right!, "step", { value: 2 });
  expect(parsed).toBe(2);
});
