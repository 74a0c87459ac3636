import { expect, test } from "vitest";
import { files, isDocument, read } from "./repository.ts";

/** Clauses in a thousand words. */
const FEWER_THAN = 5;

// CONTRIBUTING.md quotes such clauses as examples. Commands write the other two, from tests' titles and mutants' names.
const exempt = ["CONTRIBUTING.md", "docs/tests.md", "docs/mutants.md"];

/** A document's words, and its clauses that stand for a noun, as "what is kept". Code is left out. */
function count(document: string): { readonly words: number; readonly clauses: number } {
  const prose = document.replaceAll(/^```.*?^```|<!--.*?-->/gms, "").replaceAll(/`[^`\n]+`|\]\([^)]*\)/g, "");
  return {
    words: (prose.match(/[a-z][\w'’-]*/gi) ?? []).length,
    clauses: (prose.match(/\b(what|whatever|whoever|whom|whichever)\b/gi) ?? []).length,
  };
}

test("the documents name things by nouns, and rarely by clauses", () => {
  const counted = files()
    .filter((file) => isDocument(file) && !exempt.includes(file))
    .map((file) => ({ file, ...count(read(file)) }))
    .toSorted((a, b) => b.clauses - a.clauses);
  const total = (of: "words" | "clauses") => counted.reduce((sum, each) => sum + each[of], 0);
  const most = counted.slice(0, 3).map(({ file, clauses }) => `${file} (${clauses})`);
  expect((total("clauses") / total("words")) * 1_000, `Most are in ${most.join(", ")}.`).toBeLessThan(FEWER_THAN);
});

test("a clause is counted in prose, and not in code", () => {
  const text = "What is kept, and whoever keeps it: [it](what.md)\n\n```ts\nwhat();\n```\n\n`what` <!-- what -->";
  expect(count(text)).toEqual({ words: 8, clauses: 2 });
});
