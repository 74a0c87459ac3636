import type { PresentedToken } from "./presented-token.ts";
import type { RequestHead } from "./request-head.ts";

/** Methods that change nothing: RFC 9110, section 9.2.1. */
const safeMethods: readonly string[] = ["GET", "HEAD", "OPTIONS"];

export function isReadOnlyMethod({ method }: Pick<RequestHead, "method">): boolean {
  return safeMethods.includes(method.toUpperCase());
}

/**
 * Whether a page of another site may have sent a request that changes something. `origins` are other origins of the
 * application: the browser calls their requests `same-site` or `cross-site`, and no page can write its own Origin.
 *
 * | Sec-Fetch-Site | Origin | a token by bearer | a cookie | refused |
 * | --- | --- | --- | --- | --- |
 * | any | in `origins` | any | any | no |
 * | `same-origin`, `none` | any | any | any | no |
 * | any other | any other | no | any | yes |
 * | absent | own | any | any | no |
 * | absent | any other | no | any | yes |
 * | absent | absent | no | yes | yes |
 * | absent | absent | no | no | no |
 * | any | any | yes | any | no: no browser adds it by itself |
 */
export function isCrossSite(
  request: RequestHead,
  presented: PresentedToken | undefined,
  origins: readonly string[] = [],
): boolean {
  if (isReadOnlyMethod(request)) return false;
  if (presented?.carrier === "bearer") return false;
  const { headers } = request;
  const [site, origin] = [headers.get("sec-fetch-site"), headers.get("origin")];
  if (origin !== null && origins.includes(origin)) return false;
  if (site !== null) return site !== "same-origin" && site !== "none";
  return origin === null ? headers.get("cookie") !== null : !isOwn(origin, request.origin);
}

/** Behind a proxy a request to https looks like one to http. The page of the same host over https is no other site's. */
function isOwn(origin: string, own: string | null): boolean {
  return own !== null && (origin === own || origin === own.replace(/^http:/, "https:"));
}
