import { globSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { faultCodes, refusalCodes } from "../packages/core/src/index.ts";
import { brokenLinks, headingLinks, headings, relativeLinks, testLinks } from "./links.ts";
import { everyTitleIn } from "./matrix.ts";
import { files, isDocument, read, root } from "./repository.ts";

const all = files();
const documents = all.filter(isDocument);
const places = new Set(all.flatMap((file) => (file.includes("/") ? [file.slice(0, file.indexOf("/"))] : [])));

/** The files that a document names: relative to itself in links, to the root or by the end of their path in code. */
function quoted(document: string): readonly string[] {
  const prose = read(document).replaceAll(/^```.*?^```/gms, "");
  const links = relativeLinks(prose);
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!).filter(looksLikeFile);
  return [...links.map((target) => normalize(join(dirname(document), target))), ...spans];
}

function looksLikeFile(span: string): boolean {
  if (!/^[\w.@{}][\w.@{},*/-]*$/.test(span) || /(^|\/)(dist|node_modules|\.data)(\/|$)/.test(span)) return false;
  return places.has(span.split("/")[0]!)
    ? span.includes("/")
    : /[\w}]\.(ts|tsx|md|json|yaml)$/.test(span) && !span.startsWith("@");
}

function exists(file: string): boolean {
  if (globSync(file, { cwd: root }).length > 0) return true;
  return expanded(file).every((one) => all.some((path) => path === one || path.endsWith(`/${one}`)));
}

/** `bus/{in-process,postgres}.ts` names two files. */
function expanded(file: string): readonly string[] {
  const braces = /\{([^{}]+)\}/.exec(file);
  return braces ? braces[1]!.split(",").flatMap((part) => expanded(file.replace(braces[0], part))) : [file];
}

test("every file that the documents name exists", () => {
  const missing = documents.flatMap((document) =>
    quoted(document)
      .filter((file) => !exists(file))
      .map((file) => `${document}: ${file}`),
  );
  expect(missing).toEqual([]);
});

test("every heading that the documents link to exists", () => {
  const missing = documents.flatMap((document) =>
    headingLinks(read(document))
      .map(({ path, heading }) => ({ file: path === "" ? document : fileOf(join(dirname(document), path)), heading }))
      .filter(({ file, heading }) => file.endsWith(".md") && !headings(read(file)).includes(heading))
      .map(({ file, heading }) => `${document}: ${file}#${heading}`),
  );
  expect(missing).toEqual([]);
});

/** A link to a folder shows its README. */
function fileOf(path: string): string {
  const file = normalize(path);
  return all.includes(file) ? file : join(file, "README.md");
}

test("every test that the documents link to has the title that they give", () => {
  const missing = documents.flatMap((document) =>
    testLinks(read(document))
      .map(({ title, path }) => ({ title, file: normalize(join(dirname(document), path)) }))
      .filter(({ title, file }) => !all.includes(file) || !everyTitleIn(read(file)).includes(title))
      .map(({ title, file }) => `${document}: ${file}: ${title}`),
  );
  expect(missing).toEqual([]);
});

test("a link to a test is read with the test's title", () => {
  const markdown = String.raw`[S1: a \[b\], c](../d.test.ts), [e](f.ts), [g](h/i.test.tsx) and [j](k-contract.ts)`;
  expect(testLinks(markdown)).toEqual([
    { title: "S1: a [b], c", path: "../d.test.ts" },
    { title: "g", path: "h/i.test.tsx" },
    { title: "j", path: "k-contract.ts" },
  ]);
  const source = 'test("S1: a [b], c", () => {});\ntest.each(rows)(\n  "with %s",\n  () => call("d"),\n);\n// ("e")';
  expect(everyTitleIn(source)).toEqual(["S1: a [b], c", "with %s"]);
});

test("a heading is found as GitHub names it", () => {
  expect(headings("# A b\n\n## `identify`, and B-c\n\n```sh\n# no heading\n```\n")).toEqual([
    "a-b",
    "identify-and-b-c",
  ]);
  expect(headingLinks("[a](b.md#c) [d](#e) [f](g.md) `h` [i](https://j.k#l)")).toEqual([
    { path: "b.md", heading: "c" },
    { path: "", heading: "e" },
  ]);
});

test("the code that a document lifts from a file stands in that file", () => {
  const lifted = documents.flatMap((document) =>
    [...read(document).matchAll(/^<!-- from (\S+) -->\n+```\w+\n(.*?)^```/gms)].map(([, file, code]) => ({
      document,
      file: file!,
      parts: code!.split(/^ *\/\/ …\n/m),
    })),
  );
  expect(lifted.map(({ document }) => document)).toContain("README.md");
  for (const { file, parts } of lifted) for (const part of parts) expect(read(file)).toContain(part);
});

test("a package's README links to nothing outside its tarball", () => {
  // The files that are packed beside the built ones. scripts/check-packages.ts looks into the tarballs themselves.
  const published = all.filter((file) => /^packages\/\w+\/README\.md$/.test(file) && isPublished(dirname(file)));
  expect(published).toContain("packages/server/README.md");
  const broken = published.flatMap((file) => {
    const inPackage = all.filter((one) => one.startsWith(`${dirname(file)}/`) && !/test/.test(one));
    const packed = inPackage.map((one) => one.slice(dirname(file).length + 1));
    return brokenLinks(read(file), packed).map((target) => `${file}: ${target}`);
  });
  expect(broken).toEqual([]);
});

test("a link that a tarball does not hold is noticed", () => {
  const readme = "[a](../core), [b](../../docs/errors.md#c), [c](./src/d.ts), [d](#e), [f](https://example.com)";
  expect(brokenLinks(readme, ["src/d.ts"])).toEqual(["../core", "../../docs/errors.md"]);
});

function isPublished(directory: string): boolean {
  return (JSON.parse(read(`${directory}/package.json`)) as { readonly private?: boolean }).private !== true;
}

test("a file that does not exist is noticed", () => {
  expect(["packages/core/src/gone.ts", "gone.ts", "session.{ts,gone}"].filter(looksLikeFile).filter(exists)).toEqual(
    [],
  );
  expect(
    ["packages/core/src/session/advance.ts", "session.ts", "packages/*/package.json", "{session,flow}.ts"].every(
      exists,
    ),
  ).toBe(true);
  expect(["application/json", "@sessions/core", "Europe/Brussels", "/trpc"].some(looksLikeFile)).toBe(false);
});

test.each([
  ["Refusals", refusalCodes],
  ["Faults", faultCodes],
])("docs/errors.md explains every code, and no other: %s", (title, codes) => {
  const section =
    read("docs/errors.md")
      .split(/^## /m)
      .find((part) => part.startsWith(`${title}\n`)) ?? "";
  const entries = [...section.matchAll(/^### (\w+)\n\n(.*)$/gm)];
  expect(entries.map(([, code]) => code!).toSorted()).toEqual(Object.keys(codes).toSorted());
  for (const [, code, text] of entries) expect(text, code).toMatch(/^\S.*\.$/);
});

test("decisions are numbered 1, 2, 3, …, and their titles say their numbers", () => {
  const decisions = all.filter((file) => file.startsWith("docs/decisions/")).toSorted();
  const numbers = decisions.map((file) => Number(/\/(\d{4})-/.exec(file)?.[1]));
  expect(numbers).toEqual(decisions.map((_, index) => index + 1));
  for (const [index, file] of decisions.entries()) expect(read(file), file).toMatch(new RegExp(`^# ${index + 1}\\. `));
});
