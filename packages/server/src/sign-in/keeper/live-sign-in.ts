import { endsAt, type Lifetime } from "../lifetime.ts";
import type { StoredSignIn } from "../rows/stored-sign-in.ts";
import type { DeviceBinding } from "../token/device-binding.ts";

/** A sign-in, as its owner may see it. */
export interface SignInSummary {
  /** A UUID, derived one way from the id in the token. It may be shown: it opens nothing. */
  readonly publicId: string;
  /** A readable name of the browser or the app. */
  readonly device: string;
  /** A coarse place, if the application told one. */
  readonly place: string | null;
  /** How the person proved who they are, the last time. */
  readonly factors: readonly string[];
  /** The id of the only session of a guest, who has proved nothing; null for a sign-in of the owner's own. */
  readonly guestSession: string | null;
  /** When it began, in milliseconds since 1970, like the three below. */
  readonly sinceMs: number;
  readonly provedMs: number;
  /** Late by up to the touch slack. */
  readonly lastUsedMs: number;
  /** When it ends if nothing is done: the earlier of the idle and the absolute deadline. The idle one includes the slack. */
  readonly endsMs: number;
}

/** A sign-in that a token was accepted for. */
export interface LiveSignIn extends SignInSummary {
  readonly owner: string;
  /** The id in its token. It leaves the server in the token alone. */
  readonly tokenId: string;
  /** The value that mutations send back. Base64url; the same for all generations of the token. */
  readonly csrf: string;
  /** The device that the sign-in is bound to; null if it is bound to none. */
  readonly binding: DeviceBinding | null;
}

/** When a sign-in ends: a node that is configured with a shorter time holds to it at once. */
export function deadlineOf(lifetime: Lifetime, signIn: StoredSignIn): number {
  return Math.min(signIn.endsMs, endsAt(lifetime, signIn));
}

export function liveFrom(signIn: StoredSignIn, tokenId: string, lifetime: Lifetime): LiveSignIn {
  return { ...summaryOf(signIn, lifetime), owner: signIn.owner, tokenId, csrf: signIn.csrf, binding: signIn.binding };
}

export function summaryOf(signIn: StoredSignIn, lifetime: Lifetime): SignInSummary {
  const { id, device, place, factors, guestSession, sinceMs, provedMs, lastUsedMs } = signIn;
  const times = { sinceMs, provedMs, lastUsedMs, endsMs: deadlineOf(lifetime, signIn) };
  return { publicId: id, device, place, factors, guestSession, ...times };
}
