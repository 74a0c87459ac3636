import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";
import { patched } from "./mutation.ts";

test.each(mutants)("the mutant that would $name still fits the sources", ({ patches }) => {
  for (const file of new Set(patches.map((patch) => patch.file))) {
    const ofFile = patches.filter((patch) => patch.file === file);
    expect(() => patched(file, ofFile)).not.toThrow();
  }
});
