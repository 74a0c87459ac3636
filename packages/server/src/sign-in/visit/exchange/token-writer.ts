import type { LiveSignIn } from "../../keeper/sign-in-keeper.ts";
import { isPrefixed, setCookie } from "../../request/cookies.ts";
import type { VisitRequest } from "../../request/request-head.ts";
import { registrationChallenge } from "../../token/device-binding.ts";
import { tokenText, type Token } from "../../token/token.ts";
import type { Sealing } from "./sealing.ts";
import type { ResponseHead, TokenWriter } from "./visit-headers.ts";

/** How long a browser keeps a cookie after its sign-in's absolute deadline: the clocks of nodes differ. */
const LATE_MS = 60_000;

export interface TokenWriterOptions {
  /** How long a sign-in lasts from its last proof, in milliseconds. */
  readonly absoluteMs: number;
  readonly sealing: Sealing | undefined;
  /** The path of the endpoints that bind a sign-in to a device; undefined if none is bound. */
  readonly bindingPath: string | undefined;
  readonly now: () => number;
}

/** Writes tokens into the headers of the answer to a request. */
export function createTokenWriter({ absoluteMs, sealing, bindingPath, now }: TokenWriterOptions): TokenWriter {
  return (request, headers, { carrier, token, signIn, isHeld }) => {
    if (carrier === "bearer") {
      if (token && !isHeld) headers.set("sign-in-token", tokenText(token));
      return;
    }
    if (!isHeld) {
      const value = token && tokenText(token);
      const leftMs = (signIn?.provedMs ?? 0) + absoluteMs - now() + LATE_MS;
      const maxAgeSeconds = Math.max(1, Math.ceil(leftMs / 1_000));
      headers.append("set-cookie", setCookie(request, { kind: "token", value, maxAgeSeconds }));
    }
    if (bindingPath !== undefined && !isHeld) writeBinding(request, headers, { token, signIn, bindingPath });
    if (!sealing) return;
    const value = token && signIn && signIn.binding === null ? sealing.seal.seal(signIn, token, now()) : null;
    const maxAgeSeconds = Math.ceil(sealing.trustMs / 1_000);
    headers.append("set-cookie", setCookie(request, { kind: "seal", value, maxAgeSeconds }));
  };
}

/** Asks the browser to bind a new sign-in to its device, and takes the short cookie back with the token. */
function writeBinding(
  request: Pick<VisitRequest, "cookieName">,
  headers: ResponseHead,
  { token, signIn, bindingPath }: { token: Token | null; signIn: LiveSignIn | null; bindingPath: string },
): void {
  if (token === null || signIn === null) {
    headers.append("set-cookie", setCookie(request, { kind: "bound", value: null, maxAgeSeconds: 0 }));
    return;
  }
  // The first secret after a proof of the person. A later one may be a thief's.
  if (token.generation > 0 || signIn.binding !== null || !isPrefixed(request)) return;
  const challenge = registrationChallenge(token.secret, signIn.publicId);
  headers.set("secure-session-registration", `(ES256);path="${bindingPath}/registration";challenge="${challenge}"`);
}
