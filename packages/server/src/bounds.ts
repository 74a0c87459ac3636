import { SessionsError } from "@sessions/core";

/** What one owner, one request and one node may take at most. Each is an option of `createSessions`. */
export interface Bounds {
  /** How long one of the application's handlers may run, in milliseconds, before its command fails. Default 10,000. */
  readonly handlerMs: number;
  /** What one reply or event may weigh, in bytes of JSON, but for a single session that is larger. Default 1 MiB. */
  readonly pageBytes: number;
}

export const defaultBounds: Bounds = {
  handlerMs: 10_000,
  pageBytes: 1024 * 1024,
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
