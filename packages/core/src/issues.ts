/** How many issues one refusal names. The rest are counted. */
export const MAX_ISSUES = 20;

/** The longest text in an issue: its message, or one part of its path. */
const MAX_TEXT = 200;

/** The longest path of an issue, in characters. A longer path is cut at its end. */
const MAX_PATH = 1_000;

/** Issues for a refusal: the first ones, each cut to a limited length. `more` counts the others. */
export function boundedIssues(
  found: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
  others = 0,
): { issues: { path: (string | number)[]; message: string }[]; more?: number } {
  const issues = found.slice(0, MAX_ISSUES).map(({ path, message }) => ({
    path: cutPath(path),
    message: cut(message),
  }));
  const more = found.length - issues.length + others;
  return { issues, ...(more > 0 && { more }) };
}

function cutPath(path: readonly PropertyKey[]): (string | number)[] {
  let left = MAX_PATH;
  const parts = path.map((part) => (typeof part === "number" ? part : cut(String(part))));
  return parts.filter((part) => (left -= String(part).length) >= 0);
}

function cut(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  // A cut must not leave one half of a surrogate pair.
  return `${text.slice(0, MAX_TEXT - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
