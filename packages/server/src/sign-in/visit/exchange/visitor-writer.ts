import { setCookie } from "../../request/cookies.ts";
import type { VisitRequest } from "../../request/request-head.ts";

/** The longest time that browsers keep a cookie: 400 days, in seconds. */
const VISITOR_SECONDS = 400 * 24 * 3_600;

/** Writes the secret of a visitor into the headers of an answer, or clears it if it is null. */
export function writeVisitor(
  request: Pick<VisitRequest, "cookieName">,
  headers: { append(name: string, value: string): void },
  secret: string | null,
): void {
  headers.append("set-cookie", setCookie(request, { kind: "visitor", value: secret, maxAgeSeconds: VISITOR_SECONDS }));
}
