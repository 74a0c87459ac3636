import type { LiveSignIn } from "../../keeper/sign-in-keeper.ts";
import { cookieValues } from "../../request/cookies.ts";
import type { VisitRequest } from "../../request/request-head.ts";
import type { Seal } from "../../token/seal.ts";
import type { Token } from "../../token/token.ts";

/** Seals copies of sign-ins, and tells how long one is believed. */
export interface Sealing {
  readonly seal: Seal;
  readonly trustMs: number;
}

/** The sealed copy beside a token, if it belongs to the token and may be believed now. */
export function sealedSignIn(
  { seal }: Sealing,
  request: VisitRequest,
  token: Token,
  nowMs: number,
): { readonly signIn: LiveSignIn; readonly sealedMs: number } | undefined {
  const [value, ...others] = cookieValues(request, "seal");
  const opened = value === undefined || others.length > 0 ? undefined : seal.open(value, token, nowMs);
  return (
    opened && {
      signIn: { ...opened.facts, owner: token.owner, tokenId: token.id, binding: null },
      sealedMs: opened.sealedMs,
    }
  );
}
