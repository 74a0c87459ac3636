import { expect, test } from "vitest";
import { allTitles, pageOf, promisesIn, titlesIn } from "./matrix.ts";
import { read } from "./repository.ts";

const promises = promisesIn(read("SPEC.md"));
const titles = allTitles();

test("docs/tests.md says which tests try to break each promise", () => {
  expect(read("docs/tests.md"), "Write it again with `npx -y pnpm@12 matrix`.").toBe(pageOf(promises, titles));
});

test("every promise has a test", () => {
  const tested = new Set(titles.flatMap(({ numbers }) => numbers));
  expect(promises.length).toBeGreaterThan(10);
  expect(promises.filter(({ number }) => !tested.has(number))).toEqual([]);
});

test("SPEC.md makes every promise that a test's title names", () => {
  const known = new Set(promises.map(({ number }) => number));
  const unknown = titles.filter(({ numbers }) => numbers.some((number) => !known.has(number)));
  expect(unknown).toEqual([]);
});

test("a title is read as the test runner reads it", () => {
  const source = String.raw`
    test("S1: one \"word\"", () => {});
    test.for(each)(
      'S2, S13: with %s',
      () => { call("S3"); },
    );
    // S4: a comment
    test(${"`S5: \\`a\\` line`"}, () => {});
    test("not S6: a promise", () => {});
  `;
  expect(titlesIn("a.test.ts", source)).toEqual([
    { file: "a.test.ts", numbers: ["S1"], text: 'one "word"' },
    { file: "a.test.ts", numbers: ["S2", "S13"], text: "with %s" },
    { file: "a.test.ts", numbers: ["S5"], text: "`a` line" },
  ]);
});

test("the page lists a test under each of its promises, by file", () => {
  const spec = "| S1 | **Resume anywhere.** Always. |\n| S2 | **Once,** and only once. |\n";
  const page = pageOf(promisesIn(spec), [
    { file: "a.test.ts", numbers: ["S1", "S2"], text: "both *hold*" },
    { file: "b.test.ts", numbers: ["S2"], text: "the second" },
  ]);
  expect(page).toContain("## S1\n\n**Resume anywhere**\n\n`a.test.ts`\n\n- both \\*hold\\*\n");
  expect(page).toMatch(/## S2\n\n\*\*Once\*\*\n\n`a.test.ts`\n\n- .*\n\n`b.test.ts`\n\n- the second\n$/);
});
