/** A cookie as it is in a session's JSON. */
interface JsonCookie {
  readonly expires?: unknown;
}

/** When a session ends, from its JSON: when its cookie ends. A cookie without an end gets `ttlMs` from now. */
export function deadlineOf(session: unknown, ttlMs: number, nowMs: number): number {
  const expires = cookieOf(session)?.expires;
  // express-session also writes `false`.
  if (!expires || expires === true) return nowMs + ttlMs;
  const atMs = new Date(expires as string).getTime();
  return Number.isNaN(atMs) ? nowMs + ttlMs : atMs;
}

/** The cookie of a session, if it has one. */
export function cookieOf(session: unknown): JsonCookie | undefined {
  if (typeof session !== "object" || session === null || !("cookie" in session)) return undefined;
  const { cookie } = session;
  return typeof cookie === "object" && cookie !== null ? cookie : undefined;
}

/** Sessions that last for less time than this are written at each touch, in milliseconds. */
const SHORT_MS = 10_000;

/** How long a touch may wait: at most a twentieth of the time that is left, and not at all for a short session. */
export function touchWindow(touchEveryMs: number, leftMs: number): number {
  return leftMs < SHORT_MS ? 0 : Math.min(touchEveryMs, leftMs / 20);
}
