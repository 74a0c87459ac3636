import { setCookie } from "../request/cookies.ts";
import { tokenText } from "../token/token.ts";
import type { Sealing } from "./sealing.ts";
import type { TokenWriter } from "./visit-headers.ts";

/** How long a browser keeps a cookie after its sign-in's absolute deadline: the clocks of nodes differ. */
const LATE_MS = 60_000;

export interface TokenWriterOptions {
  /** How long a sign-in lasts from its last proof, in milliseconds. */
  readonly absoluteMs: number;
  readonly sealing: Sealing | undefined;
  readonly now: () => number;
}

/** Writes tokens into the headers of the answer to a request. */
export function createTokenWriter({ absoluteMs, sealing, now }: TokenWriterOptions): TokenWriter {
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
    if (!sealing) return;
    const value = token && signIn && sealing.seal.seal(signIn, token, now());
    const maxAgeSeconds = Math.ceil(sealing.trustMs / 1_000);
    headers.append("set-cookie", setCookie(request, { kind: "seal", value, maxAgeSeconds }));
  };
}
