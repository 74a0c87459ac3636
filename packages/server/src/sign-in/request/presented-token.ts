import { parseToken, type Token } from "../token/token.ts";
import { cookieValues } from "./cookies.ts";
import type { VisitRequest } from "./request-head.ts";

export interface PresentedToken {
  readonly token: Token;
  readonly carrier: "cookie" | "bearer";
}

/** The token of a request. A text that is no token counts as none, whatever it is. */
export function presentedToken(request: Pick<VisitRequest, "headers" | "cookieName">): PresentedToken | undefined {
  const byBearer = bearerToken(request.headers.get("authorization"));
  if (byBearer) return { token: byBearer, carrier: "bearer" };
  const values = cookieValues(request, "token");
  const token = values.length === 1 ? parseToken(values[0]!) : undefined;
  return token && { token, carrier: "cookie" };
}

function bearerToken(authorization: string | null): Token | undefined {
  const bearer = authorization === null ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  return bearer === undefined ? undefined : parseToken(bearer);
}
