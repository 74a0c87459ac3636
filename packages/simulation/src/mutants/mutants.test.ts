import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";
import { seedsIn } from "./run-mutants.ts";
import { signInMutants } from "./sign-in-mutants.ts";

const all = [...mutants, ...signInMutants];

test.each(all.map((mutant) => [mutant.name, mutant] as const))(
  "the code that it breaks is there: %s",
  (_name, mutant) => {
    for (const { file, find } of mutant.patches) {
      const text = readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8");
      expect(text.split(find).length - 1, `${file}: ${find}`).toBe(1);
    }
  },
);

test("the page names a world for each mutant, in which it was found", () => {
  const page = readFileSync(new URL("../../../../docs/mutants.md", import.meta.url), "utf8");
  expect([...seedsIn(page).keys()]).toEqual(all.map(({ name }) => name));
});
