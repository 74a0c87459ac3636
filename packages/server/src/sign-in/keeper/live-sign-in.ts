import { endsAt, type Lifetime } from "../lifetime.ts";
import type { StoredSignIn } from "../rows/stored-sign-in.ts";
import type { SignInFacts } from "../sign-in-facts.ts";
import type { DeviceBinding } from "../token/device-binding.ts";

/** A sign-in, as its owner may see it. */
export interface SignInSummary extends SignInFacts {
  /** A UUID, derived one way from the id in the token. It may be shown: it opens nothing. */
  readonly publicId: string;
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
