import type { EndReason } from "../keeper/sign-in-keeper.ts";
import type { RequestVisit } from "../visit/request-visit.ts";
import type { VisitedSignIn } from "../visit/visited-sign-in.ts";

/** Who is signed in, for the page that asks. */
export interface CurrentReply {
  readonly owner: string | null;
  readonly signIn: SignInReply | null;
  /** There if nobody is signed in, and this browser was handed one session of an owner. */
  readonly guest: { readonly owner: string; readonly session: string; readonly endsAt: string } | null;
  /** What the page sends back with each change, in the header `sign-in-csrf`. */
  readonly csrf: string | null;
  /** Why this browser's sign-in ended, if it has and the browser shows its token. */
  readonly ended: { readonly reason: EndReason; readonly at: string } | null;
  /** Whether the request shows a visitor beside the sign-in. The page calls `adopt` then. */
  readonly visitor: boolean;
  /** The server's clock. */
  readonly now: string;
}

/** A sign-in with its times as ISO 8601: hosts may have no transformer. */
export interface SignInReply {
  readonly id: string;
  readonly device: string;
  readonly place: string | null;
  readonly since: string;
  readonly lastUsed: string;
  readonly provedAt: string;
  readonly endsAt: string;
  readonly factors: readonly string[];
  readonly level: VisitedSignIn["level"] | null;
  /** The id of the only session of a guest; null for a sign-in of the owner's own. */
  readonly guestSession: string | null;
  /** Whether it is the one of the request. */
  readonly current: boolean;
}

export interface ListSignInsReply {
  readonly signIns: readonly SignInReply[];
  /** Where the next page begins; null if there is none. */
  readonly next: string | null;
}

/** Whether sign-ins have ended: one, or how many. `refused`: none has, because the last proof is older than `revoke.fresh`. */
export interface RevokeReply<Ended extends boolean | number> {
  readonly ended: Ended;
  readonly refused?: "sign_in_again";
}

export async function currentReplyOf(visit: RequestVisit, nowMs: number): Promise<CurrentReply> {
  const { owner, signIn, guest, csrf } = visit;
  const ended = await visit.ending();
  return {
    owner,
    signIn: signIn && signInReplyOf(signIn, signIn.id),
    guest: guest && { owner: guest.owner, session: guest.session, endsAt: guest.signIn.endsAt.toISOString() },
    csrf,
    ended: ended && { reason: ended.reason, at: ended.at.toISOString() },
    visitor: visit.hasUnadopted,
    now: new Date(nowMs).toISOString(),
  };
}

/** `current` is the id of the request's sign-in. */
export function signInReplyOf(signIn: VisitedSignIn, current: string | undefined): SignInReply {
  return {
    id: signIn.id,
    device: signIn.device,
    place: signIn.place,
    since: signIn.since.toISOString(),
    lastUsed: signIn.lastUsed.toISOString(),
    provedAt: signIn.provedAt.toISOString(),
    endsAt: signIn.endsAt.toISOString(),
    factors: signIn.factors,
    level: signIn.level ?? null,
    guestSession: signIn.guestSession,
    current: signIn.id === current,
  };
}
