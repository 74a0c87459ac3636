import { SessionsError } from "@sessions/core/internal";

/** A Postgres name that needs no quotes. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/;
/** The most letters by which a misspelt name differs from the right one. */
const MAX_DISTANCE = 3;

/**
 * Refuses an option that `owner`, a function, does not have: a misspelt option would have its default.
 *
 * @throws {SessionsError} `configuration_invalid`, with the nearest name.
 */
export function requireKnownOptions<Options extends object>(
  owner: string,
  options: Options,
  known: Readonly<Record<keyof Options, true>>,
): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, Object.keys(known));
  const advice = nearest === undefined ? "" : ` Do you mean \`${nearest}\`?`;
  throw new SessionsError("configuration_invalid", `\`${owner}\` has no option ${shortText(unknown)}.${advice}`);
}

/** @throws {SessionsError} `configuration_invalid` */
export function requireSchema(schema: unknown): void {
  if (typeof schema === "string" && SCHEMA.test(schema)) return;
  throw invalidOption("schema", schema, "a lower-case Postgres name");
}

/** @throws {SessionsError} `configuration_invalid` */
export function requireWhole(name: string, value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw invalidOption(name, value, `a whole number ${range}`);
}

/** An option that is not as expected. The value is the application's own, not a person's. */
export function invalidOption(name: string, value: unknown, expected: string): SessionsError {
  return new SessionsError("configuration_invalid", `\`${name}\` is ${expected}, not ${shortText(value)}.`);
}

function shortText(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function nearestName(name: string, names: readonly string[]): string | undefined {
  const byDistance = names
    .map((known) => ({ known, distance: distanceOf(name.toLowerCase(), known.toLowerCase()) }))
    .toSorted((one, other) => one.distance - other.distance);
  const [nearest] = byDistance;
  return nearest !== undefined && nearest.distance <= MAX_DISTANCE ? nearest.known : undefined;
}

/** The Levenshtein distance: how many letters are added, removed or replaced between two texts. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of Array.from(one.slice(0, 100)).entries()) {
    const next = [index + 1];
    for (const [at, otherLetter] of Array.from(other).entries()) {
      next.push(Math.min(row[at + 1]! + 1, next[at]! + 1, row[at]! + (letter === otherLetter ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)!;
}
