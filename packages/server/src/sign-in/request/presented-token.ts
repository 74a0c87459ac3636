import { parseToken, type Token } from "../token/token.ts";
import { cookieValues } from "./cookies.ts";
import type { VisitRequest } from "./request-head.ts";

export interface PresentedToken {
  readonly token: Token;
  readonly carrier: "cookie" | "bearer";
}

/** The token of a request. A text that is no token counts as none, whatever it is. */
export function presentedToken(request: Pick<VisitRequest, "headers" | "cookieName">): PresentedToken | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  const byBearer = bearer === undefined ? undefined : parseToken(bearer);
  if (byBearer) return { token: byBearer, carrier: "bearer" };
  const [value, ...others] = cookieValues(request, "token");
  const token = value === undefined || others.length > 0 ? undefined : parseToken(value);
  return token && { token, carrier: "cookie" };
}
