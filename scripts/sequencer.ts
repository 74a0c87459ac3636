import { BaseSequencer, type TestSpecification } from "vitest/node";

/** First the projects that use the processor most, then those with short files: these fill the time at the end. */
const order = ["simulation", "postgres", "postgres-citus-flags", "repository", "pure"];

/** How many other files take about as long as one end-to-end file. */
const OTHERS_PER_FILE = 3;

/**
 * Begins one end-to-end file for every few others. An end-to-end file waits for most of its time, while the others work.
 * In the order of names, all end-to-end files would begin together, and the longest simulation would run alone at the end.
 */
export class MixingSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    // They have workers of their own, and their project's name ends with the browser's.
    const inBrowser = sorted.filter(({ pool }) => pool === "browser");
    const endToEnd = sorted.filter(({ project }) => project.name === "end-to-end");
    const others = sorted
      .filter((file) => !inBrowser.includes(file) && !endToEnd.includes(file))
      .toSorted((a, b) => order.indexOf(a.project.name) - order.indexOf(b.project.name));
    const mixed = endToEnd.flatMap((file, index) => [
      file,
      ...others.slice(OTHERS_PER_FILE * index, OTHERS_PER_FILE * (index + 1)),
    ]);
    return [...inBrowser, ...mixed, ...others.slice(OTHERS_PER_FILE * endToEnd.length)];
  }
}
