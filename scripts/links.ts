import { posix } from "node:path";

/** The relative links of a Markdown file, as paths from its folder. Code is left out. */
export function relativeLinks(markdown: string): readonly string[] {
  return [...markdown.replaceAll(/^```.*?^```/gms, "").matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** The relative links of a package's README that lead to no file of its tarball. */
export function brokenLinks(readme: string, packed: readonly string[]): readonly string[] {
  return relativeLinks(readme).filter((target) => !packed.includes(posix.normalize(target)));
}

/** The links of a Markdown file to headings, its own or another file's: `#words`, `SPEC.md#words`. Code is left out. */
export function headingLinks(markdown: string): readonly { readonly path: string; readonly heading: string }[] {
  const prose = markdown.replaceAll(/^```.*?^```/gms, "");
  return [...prose.matchAll(/\]\(([^)\s#:]*)#([^)\s]+)\)/g)].map(([, path, heading]) => ({
    path: path!,
    heading: heading!,
  }));
}

/** The names by which links find the headings of a Markdown file, as GitHub makes them. */
export function headings(markdown: string): readonly string[] {
  const prose = markdown.replaceAll(/^```.*?^```/gms, "");
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}

/**
 * The links of a Markdown file to tests, `[title](path/of.test.ts)`: the titles and the paths. A file of tests that other
 * files run, `-contract.ts`, counts too. Code is left out.
 */
export function testLinks(markdown: string): readonly { readonly title: string; readonly path: string }[] {
  const prose = markdown.replaceAll(/^```.*?^```/gms, "");
  return [...prose.matchAll(/\[((?:\\.|[^\\\]])*)\]\(([^)\s#]+(?:\.test\.tsx?|-contract\.ts))\)/g)].map(
    ([, title, path]) => ({
      title: title!.replaceAll(/\\(.)/g, "$1"),
      path: path!,
    }),
  );
}
