import { BaseSequencer, type TestSpecification } from "vitest/node";

/** First the projects that use the processor most, then those with short files: these fill the time at the end. */
const order = ["simulation", "postgres", "postgres-citus-flags", "repository", "pure", "browser"];

/**
 * Begins one end-to-end file for every two others. An end-to-end file waits for most of its time, while the others work.
 * In the order of names, all end-to-end files would begin together, and the longest simulation would run alone at the end.
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
