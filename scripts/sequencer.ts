import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Projects that take the processor most, then those whose files are short: they fill what is left at the end. */
const order = ["simulation", "postgres", "postgres-citus-flags", "repository", "pure", "browser"];

/**
 * Begins one end-to-end file for every two others: it waits for most of its time, and they work. By their names, the
 * end-to-end files would begin together, and the longest simulation run alone at the end.
 */
export class MixingSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const endToEnd = sorted.filter(({ project }) => project.name === "end-to-end");
    const others = sorted
      .filter(({ project }) => project.name !== "end-to-end")
      .toSorted((a, b) => order.indexOf(a.project.name) - order.indexOf(b.project.name));
    const mixed = endToEnd.flatMap((file, index) => [file, ...others.slice(2 * index, 2 * index + 2)]);
    return [...mixed, ...others.slice(2 * endToEnd.length)];
  }
}
