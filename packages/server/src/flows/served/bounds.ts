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
  /** What the commands of one push may weigh, in bytes of JSON. Default 1 MiB. */
  readonly pushBytes: number;
  /** How many sessions one owner may have open at a time, of all flows. Default 10,000. */
  readonly ownerSessions: number;
  /** How many of one owner's devices are remembered: those seen last. Default 1,000. */
  readonly ownerDevices: number;
  /** How many streams one owner may have open on one node. Default 250. */
  readonly ownerStreams: number;
  /** How many of one owner's reads run at once on one node. Default 4. */
  readonly ownerReads: number;
  /** How many more of them may wait. Default 1,000. */
  readonly ownerReadsWaiting: number;
  /** How many reads of all owners run at once on one node. Default 32. */
  readonly nodeReads: number;
  /** How many more of them may wait. Default 10,000. */
  readonly nodeReadsWaiting: number;
  /** What one owner may be told in 15 seconds, in bytes of JSON; requests that bring up to 64 KiB are free. Default 32 MiB. */
  readonly ownerReplyBytes: number;
  /** What the replies to one request may weigh that batches many calls, in bytes of JSON: at least a page. Default 4 MiB. */
  readonly requestReplyBytes: number;
}

export const defaultBounds: Bounds = {
  handlerMs: 10_000,
  pageBytes: 1024 * 1024,
  // Of a pool of ten, which is what drivers make by default; `createSessions` looks at the pool that it is given.
  ownerConnections: 2,
  ownerCommands: 1_000,
  pushBytes: 1024 * 1024,
  ownerSessions: 10_000,
  ownerDevices: 1_000,
  ownerStreams: 250,
  ownerReads: 4,
  ownerReadsWaiting: 1_000,
  nodeReads: 32,
  nodeReadsWaiting: 10_000,
  ownerReplyBytes: 32 * 1024 * 1024,
  requestReplyBytes: 4 * 1024 * 1024,
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
