import { SessionsError } from "@sessions/core/internal";

/** The most that one owner, one request and one node may use, in any flow. Each is an option of `createSessions`. A usage rule of one flow is a `Limit`. */
export interface Bounds {
  /**
   * How long one of the application's handlers, or `identify`, may run, in milliseconds. After that its command or request
   * fails. Default 10,000.
   */
  readonly handlerMs: number;
  /** The size of one reply or event, in bytes of JSON. A single session that is larger is still sent. Default 1 MiB. */
  readonly pageBytes: number;
  /** How many connections of the pool one owner's requests may hold at once. Default: a quarter of them, and at least 1. */
  readonly ownerConnections: number;
  /** How many commands of one owner may be in flight at once. Others are refused as `busy`. Default 1,000. */
  readonly ownerCommands: number;
  /** The size of the commands of one push, in bytes of JSON. Default 1 MiB. */
  readonly pushBytes: number;
  /** How many sessions one owner may have open at a time, of all flows. Default 10,000. */
  readonly ownerSessions: number;
  /** How many of one owner's devices are kept: those that were seen last. Default 1,000. */
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
  /** The size of one owner's replies in 15 seconds, in bytes of JSON. Requests with replies of up to 64 KiB do not count. Default 32 MiB. */
  readonly ownerReplyBytes: number;
  /** The size of the replies to one request that batches many calls, in bytes of JSON. It is at least `pageBytes`. Default 4 MiB. */
  readonly requestReplyBytes: number;
}

export const defaultBounds: Bounds = {
  handlerMs: 10_000,
  pageBytes: 1024 * 1024,
  // For a pool of ten connections, the default of most drivers. `createSessions` computes it from the size of its pool.
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

/** The given bounds, and the defaults for the others. @throws {SessionsError} `configuration_invalid` */
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
