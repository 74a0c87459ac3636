/** A session as the JSON texts of its top-level keys, in their order. */
export type SessionParts = ReadonlyMap<string, string>;

/** The parts of a session, or undefined for a value that has none, such as an array. */
export function partsOf(session: unknown): SessionParts | undefined {
  if (typeof session !== "object" || session === null || Array.isArray(session)) return undefined;
  return new Map(Object.entries(session).map(([key, value]) => [key, JSON.stringify(value)]));
}

/** The JSON text of a session. */
export function textOf(parts: SessionParts): string {
  return `{${[...parts].map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(",")}}`;
}

/** Whether nothing but the times of the cookie differs. */
export function areEqual(one: SessionParts, other: SessionParts): boolean {
  return one.size === other.size && [...one.keys()].every((key) => isEqual(key, one, other));
}

/** Whether a key holds the same in both. The times of the cookie do not count: each request moves them. */
export function isEqual(key: string, one: SessionParts, other: SessionParts): boolean {
  const [value, otherValue] = [one.get(key), other.get(key)];
  if (value === otherValue) return true;
  if (key !== "cookie" || value === undefined || otherValue === undefined) return false;
  return withoutTimes(value) === withoutTimes(otherValue);
}

/** The members of a cookie that hold when it ends: `originalExpires` is that of @fastify/session. */
const times = new Set(["expires", "originalExpires"]);

/** Whether two cookies differ in no more than their times. */
export function areCookiesEqual(one: object, other: object): boolean {
  const entries = Object.entries(other) as [string, unknown][];
  return (
    Object.keys(one).length === entries.length &&
    entries.every(([key, value]) => {
      const own: unknown = (one as Record<string, unknown>)[key];
      return own === value || (times.has(key) && own !== null && own !== undefined && value !== null);
    })
  );
}

function withoutTimes(cookie: string): string {
  return JSON.stringify(JSON.parse(cookie), (key, value: unknown) =>
    times.has(key) ? (value === null ? null : "") : value,
  );
}

/**
 * Merges two changes of a session by top-level key. `base` is the session before both, `mine` and `theirs` after each. If
 * both changed a key, `mine` wins: it was written later.
 */
export function merge(base: SessionParts, mine: SessionParts, theirs: SessionParts): SessionParts {
  const merged = new Map(theirs);
  for (const key of new Set([...base.keys(), ...mine.keys()])) {
    if (isEqual(key, base, mine)) continue;
    const value = mine.get(key);
    if (value === undefined) merged.delete(key);
    else merged.set(key, value);
  }
  return merged;
}
