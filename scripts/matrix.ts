/** Writes docs/tests.md: the tests that try to break each promise of SPEC.md. It reads titles and runs no test. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { files, read, root } from "./repository.ts";

/** A promise of SPEC.md: its number, as "S2", and its name, as "Exactly once". */
export interface NumberedPromise {
  readonly number: string;
  readonly name: string;
}

/** The title of a test, and the numbers of the promises that it begins with. */
export interface Title {
  readonly file: string;
  readonly numbers: readonly string[];
  readonly text: string;
}

/** The promises in SPEC.md's table, in its order. */
export function promisesIn(spec: string): readonly NumberedPromise[] {
  return [...spec.matchAll(/^\| (S\d+) \| \*\*(.+?)[.,:]?\*\*/gm)].map(([, number, name]) => ({
    number: number!,
    name: name!,
  }));
}

/** The titles in a test file that begin with numbers of promises: `test("S2, S3: …"`. */
export function titlesIn(file: string, source: string): readonly Title[] {
  const titles = source.matchAll(/\(\s*(["'`])(S\d+(?:, S\d+)*): ((?:\\.|(?!\1).)*)\1/gs);
  return [...titles].map(([, , numbers, text]) => ({
    file,
    numbers: numbers!.split(", "),
    text: text!.replaceAll(/\\(.)/gs, "$1"),
  }));
}

/** All titles in a test file, with or without a promise's number, and the other texts with which a call begins. */
export function everyTitleIn(source: string): readonly string[] {
  const titles = source.matchAll(/\(\s*(["'`])((?:\\.|(?!\1).)*)\1\s*,/gs);
  return [...titles].map(([, , text]) => text!.replaceAll(/\\(.)/gs, "$1"));
}

/** The titles of all tests, except those in scripts/, which quote titles as examples. */
export function allTitles(): readonly Title[] {
  return files()
    .filter((file) => /\.test\.tsx?$/.test(file) && !file.startsWith("scripts/"))
    .toSorted()
    .flatMap((file) => titlesIn(file, read(file)));
}

/** The text of docs/tests.md. */
export function pageOf(promises: readonly NumberedPromise[], titles: readonly Title[]): string {
  const sections = promises.map(({ number, name }) => {
    const own = titles.filter(({ numbers }) => numbers.includes(number));
    const lists = Object.entries(Object.groupBy(own, ({ file }) => file)).map(
      ([file, tests]) => `\`${file}\`\n\n${tests!.map(({ text }) => `- ${asMarkdown(text)}`).join("\n")}\n`,
    );
    return `## ${number}\n\n**${name}**\n\n${lists.join("\n")}`;
  });
  return `# The tests of each promise

Each promise of [SPEC.md](../SPEC.md#promises), and the tests that try to break it. A test belongs to a promise when
its title begins with the promise's number. \`pnpm matrix\` writes this page from the titles. Change a title in its
test, and write the page again.

${sections.join("\n")}`;
}

function asMarkdown(title: string): string {
  return title.replaceAll(/[*_<[\]]/g, String.raw`\$&`);
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(join(root, "docs/tests.md"), pageOf(promisesIn(read("SPEC.md")), allTitles()));
}
