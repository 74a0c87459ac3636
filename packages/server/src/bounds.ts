import { SessionsError } from "@sessions/core";

/** What one owner, one request and one node may take at most. Each is an option of `createSessions`. */
export interface Bounds {
  /**
   * How long one of the application's handlers, or `identify`, may run, in milliseconds, before what it was called
   * for fails. Default 10,000.
   */
  readonly handlerMs: number;
  /** What one reply or event may weigh, in bytes of JSON, but for a single session that is larger. Default 1 MiB. */
  readonly pageBytes: number;
  /** How many connections of the pool one owner's requests may hold at once. Default: a quarter of them, and at least 1. */
  readonly ownerConnections: number;
  /** How many commands of one owner may be under way at once; more are refused as `busy`. Default 1,000. */
  readonly ownerCommands: number;
}

export const defaultBounds: Bounds = {
  handlerMs: 10_000,
  pageBytes: 1024 * 1024,
  // Of a pool of ten, which is what drivers make by default; `createSessions` looks at the pool that it is given.
  ownerConnections: 2,
  ownerCommands: 1_000,
};

/** The bounds that hold: those that are given, else the defaults. @throws {SessionsError} `configuration_invalid` */
export function boundsFrom(given: Partial<Bounds> = {}): Bounds {
  const bounds = { ...defaultBounds, ...given };
  for (const [name, value] of Object.entries(bounds)) {
    if (!Object.hasOwn(defaultBounds, name)) {
      throw new SessionsError("configuration_invalid", `\`bounds.${name}\` is not known.`);
    }
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new SessionsError("configuration_invalid", `\`bounds.${name}\` is a whole number of 1 or more.`);
    }
  }
  return bounds;
}
