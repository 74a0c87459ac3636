import { TRPCError } from "@trpc/server";
import {
  assuranceLevels,
  idSchema,
  SessionsError,
  toStorableJson,
  type Proof,
  type SubmitCommand,
} from "@sessions/core/internal";
import { withTimeLimit } from "../../time-limit.ts";

/** A device that one session was handed to, without a sign-in. It acts for the owner in this session alone. */
export interface GuestIdentity {
  /** The id of the session. */
  readonly session: string;
  /**
   * Called when the guest has been told that the session has ended. The application then ends what lets the guest in. It
   * may be called more than once.
   */
  readonly onSessionEnded?: (() => void) | undefined;
}

/** Who makes a request, and what is known of their sign-in. */
export interface Identity extends Proof {
  /** An opaque id of the person or account: a text of 1 to 200 characters. */
  readonly owner: string;
  /**
   * Calls `end` when the sign-in of this request ends, or at once if it has ended already: an open stream then ends. It
   * returns a function that removes `end`. It is called only for streams.
   */
  readonly onEnded?: ((end: (why?: "renew") => void) => () => void) | undefined;
  /**
   * There if the request is not the owner's own, but that of a guest of one session. A guest fills it in, and sees no other
   * session.
   */
  readonly guest?: GuestIdentity | undefined;
}

/** A service that sends a command. */
export interface SendingService {
  /** The name of the flow that it means. */
  readonly flow: string;
  /** The commands of the submissions that it saw. Without them, the command is judged as if it had seen the newest ones. */
  readonly seen?: SubmitCommand["seen"] | undefined;
}

/** Who sends commands. */
export interface Sender extends Identity {
  /** There if it is a service, and no person. */
  readonly service?: SendingService | undefined;
}

/** The answer of the application's `identify`: who it is, or nobody. */
export type IdentifyResult = Identity | null | undefined | false | "" | 0;

/**
 * Who makes a request; undefined when nobody is signed in. It runs the application's `identify`, for up to `timeMs`
 * milliseconds.
 *
 * @throws {SessionsError} `identify_failed` or `context_invalid`.
 */
export async function identify(
  run: () => IdentifyResult | PromiseLike<IdentifyResult>,
  timeMs: number,
): Promise<Identity | undefined> {
  const running = runGuarded(run);
  // Most applications know it at once, and then no timer is needed.
  if (!isPromise(running)) return checkedIdentity(running);
  const identified = await withTimeLimit(timeMs, Promise.resolve(running).catch(failWith), () => {
    throw new SessionsError(
      "identify_failed",
      `\`identify\` did not answer within ${timeMs} ms. Nothing was read or written.`,
    );
  });
  return checkedIdentity(identified);
}

function runGuarded(run: () => IdentifyResult | PromiseLike<IdentifyResult>) {
  try {
    return run();
  } catch (cause) {
    return failWith(cause);
  }
}

function failWith(cause: unknown): never {
  if (cause instanceof TRPCError) throw cause;
  throw new SessionsError("identify_failed", "Nothing was read or written.", { cause });
}

function isPromise(running: IdentifyResult | PromiseLike<IdentifyResult>): running is PromiseLike<IdentifyResult> {
  return typeof running === "object" && running !== null && "then" in running;
}

/** An application without types may return anything. */
function checkedIdentity(identified: IdentifyResult): Identity | undefined {
  if (!identified) return undefined;
  const { owner, provedAt, level, onEnded, guest } = identified;
  const invalid = (detail: string) => new SessionsError("context_invalid", `\`identify\` returns ${detail}.`);
  if (!isOwner(owner)) {
    throw invalid("{ owner }, a text of 1 to 200 characters");
  }
  if (provedAt !== undefined && provedAt !== null && !Number.isFinite(provedAt))
    throw invalid("`provedAt` in milliseconds since 1970");
  if (level !== undefined && !assuranceLevels.includes(level)) throw invalid("`level` as one of aal1, aal2 and aal3");
  if (onEnded !== undefined && typeof onEnded !== "function") throw invalid("`onEnded` as a function");
  // A guest that cannot be told from the owner must not be taken for the owner.
  if (guest !== undefined && !isGuest(guest)) throw invalid("`guest` as { session }, with the id of a session");
  return { owner, provedAt, level, onEnded, guest };
}

/** Whether a value can be the id of an owner. */
export function isOwner(owner: unknown): owner is string {
  return typeof owner === "string" && owner !== "" && owner.length <= 200 && toStorableJson(owner).ok;
}

function isGuest(guest: unknown): boolean {
  if (typeof guest !== "object" || guest === null || !("session" in guest)) return false;
  const { session, onSessionEnded } = guest as Partial<GuestIdentity>;
  return idSchema.safeParse(session).success && (onSessionEnded === undefined || typeof onSessionEnded === "function");
}
