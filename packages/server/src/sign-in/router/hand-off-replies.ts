import type { FoundTarget, HandOffTarget, ShownRequest } from "../keeper/hand-offs/hand-off-keeper.ts";
import type { Asked, Claimed, SignInAgain } from "../visit/visit-hand-offs.ts";

/** The letters to type on another device of the same owner. */
export interface OfferReply {
  readonly letters: string;
  readonly endsAt: string;
}

/** What letters hand over. `none`: they are wrong, too old, or another owner's. `too_many`: so many were wrong today. */
export type FindReply = ({ readonly status: "found" } & HandOffTarget) | { readonly status: "none" | "too_many" };

/** What the screen that asks shows, and how it claims. `signed_in`: somebody is signed in here already. */
export type AskReply =
  | {
      readonly status: "asked";
      readonly id: string;
      readonly code: string;
      readonly challenge: string;
      readonly number: number;
      readonly endsAt: string;
    }
  | { readonly status: "signed_in" | "too_many" };

/** What the owner sees of the device that asks. `gone`: there is nothing to approve by this code any more. */
export type LookReply =
  | {
      readonly status: "asked";
      readonly device: string;
      readonly place: string | null;
      readonly askedAt: string;
      readonly endsAt: string;
      readonly numbers: readonly number[];
    }
  | { readonly status: "gone" }
  | SignInAgainReply;

export type ApproveReply = { readonly status: "approved" | "wrong_number" | "gone" } | SignInAgainReply;

export interface SignInAgainReply {
  readonly status: "sign_in_again";
  /** How old the proof may be, in milliseconds. */
  readonly freshMs: number;
}

export type ClaimReply =
  | { readonly status: "waiting"; readonly endsAt: string }
  | { readonly status: "gone" }
  | ({ readonly status: "begun"; readonly owner: string } & HandOffTarget);

export function findReplyOf(found: FoundTarget): FindReply {
  return found.kind === "found" ? { status: found.kind, ...found.handed } : { status: found.kind };
}

export function askReplyOf(asked: Asked): AskReply {
  if (asked.kind !== "asked") return { status: asked.kind };
  const { kind: status, endsMs, ...told } = asked;
  return { status, ...told, endsAt: iso(endsMs) };
}

export function claimReplyOf(claimed: Claimed): ClaimReply {
  if (claimed.kind === "waiting") return { status: "waiting", endsAt: iso(claimed.endsMs) };
  if (claimed.kind === "gone") return { status: "gone" };
  return { status: "begun", owner: claimed.owner, ...claimed.handed };
}

export function lookReplyOf(shown: ShownRequest | SignInAgain | null): LookReply {
  if (shown === null) return { status: "gone" };
  if ("kind" in shown) return { status: shown.kind, freshMs: shown.freshMs };
  const { device, place, askedMs, endsMs, choices } = shown;
  return { status: "asked", device, place, askedAt: iso(askedMs), endsAt: iso(endsMs), numbers: choices };
}

export function approveReplyOf(
  approved: { readonly kind: "approved" | "wrong_number" | "gone" } | SignInAgain,
): ApproveReply {
  return approved.kind === "sign_in_again"
    ? { status: approved.kind, freshMs: approved.freshMs }
    : { status: approved.kind };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
