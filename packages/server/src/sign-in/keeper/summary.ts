import { endsAt, type Lifetime } from "../lifetime.ts";
import type { StoredSignIn } from "../rows/stored-sign-in.ts";
import type { LiveSignIn, SignInSummary } from "./sign-in-keeper.ts";

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
