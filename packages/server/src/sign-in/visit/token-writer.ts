import { setCookie } from "../request/cookies.ts";
import type { RequestHead } from "../request/request-head.ts";
import { tokenText } from "../token/token.ts";
import type { Sealing } from "./sealing.ts";
import type { TokenWriter } from "./visit-answer.ts";

export interface TokenWriterOptions {
  readonly request: RequestHead;
  /** How long a browser keeps the cookie, in seconds. */
  readonly cookieSeconds: number;
  readonly sealing: Sealing | undefined;
  readonly now: () => number;
}

/** Writes tokens into the headers of the answer to a request. */
export function createTokenWriter({ request, cookieSeconds, sealing, now }: TokenWriterOptions): TokenWriter {
  return (headers, { way, token, signIn, isHeld }) => {
    if (way === "bearer") {
      if (token && !isHeld) headers.set("sign-in-token", tokenText(token));
      return;
    }
    if (!isHeld) {
      const value = token && tokenText(token);
      headers.append("set-cookie", setCookie(request, { kind: "sign-in", value, maxAgeSeconds: cookieSeconds }));
    }
    if (!sealing) return;
    const value = token && signIn && sealing.seal.seal(signIn, token, now());
    const maxAgeSeconds = Math.ceil(sealing.trustMs / 1_000);
    headers.append("set-cookie", setCookie(request, { kind: "sign-in-seal", value, maxAgeSeconds }));
  };
}
