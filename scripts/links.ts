import { posix } from "node:path";

/** The relative links of a Markdown file, as paths from where it lies. Code is left out. */
export function relativeLinks(markdown: string): readonly string[] {
  return [...markdown.replaceAll(/^```.*?^```/gms, "").matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** The relative links of a package's README that lead out of its tarball, or to what is not in it. */
export function brokenLinks(readme: string, packed: readonly string[]): readonly string[] {
  return relativeLinks(readme).filter((target) => !packed.includes(posix.normalize(target)));
}
