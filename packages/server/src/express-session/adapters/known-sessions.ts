import type { Base } from "../keeper/session-keeper.ts";

/** Marks the copy of a cookie with the base of its session. */
const BASE = Symbol("base");

/**
 * Remembers what each request read of its session, so that its write can be compared with it. Nothing of this is in the
 * session's JSON, or among its keys.
 *
 * - express-session gives a session that was read to `createSession`, which makes another object of it.
 * - @fastify/session makes another object too, and tells nobody. But it calls `toJSON` of the cookie, and keeps the result
 *   with all its members under a symbol.
 * - Other code may give the object back that it read, or another one with the same cookie.
 */
export class KnownSessions {
  readonly #bases = new WeakMap<object, Base>();

  /** Remembers the base of a session that is handed out. */
  markRead(session: object, base: Base): void {
    this.#bases.set(session, base);
    const { cookie } = session as { readonly cookie?: unknown };
    if (typeof cookie !== "object" || cookie === null) return;
    this.#bases.set(cookie, base);
    Object.defineProperty(cookie, "toJSON", { value: () => ({ ...cookie, [BASE]: base }) });
  }

  /** The session that is made of another one has its base. */
  move(from: object, to: object): void {
    const base = this.#bases.get(from);
    if (base !== undefined) this.#bases.set(to, base);
  }

  /** The base of a session that is written under this key. */
  baseOf(session: unknown, key: string): Base | undefined {
    if (typeof session !== "object" || session === null) return undefined;
    const { cookie } = session as { readonly cookie?: unknown };
    const base =
      this.#bases.get(session) ?? (isObject(cookie) ? this.#bases.get(cookie) : undefined) ?? keptBase(session);
    // After `regenerate`, @fastify/session still has the base of the session before.
    return base?.key === key ? base : undefined;
  }

  /** Remembers a write: the next write of the same session is compared with it. */
  markWritten(session: unknown, base: Base): void {
    // A plain object that nobody read is a whole session each time that it is written.
    if (isObject(session) && (this.#bases.has(session) || !isPlain(session))) this.#bases.set(session, base);
  }
}

function keptBase(session: object): Base | undefined {
  for (const symbol of Object.getOwnPropertySymbols(session)) {
    const kept = (session as Record<symbol, unknown>)[symbol];
    if (isObject(kept) && BASE in kept) return kept[BASE] as Base;
  }
  return undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
