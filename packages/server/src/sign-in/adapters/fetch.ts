import type { ResponseHead, VisitHeaders } from "../visit/exchange/visit-headers.ts";
import { cookieNameOf } from "../request/cookies.ts";
import type { VisitRequest } from "../request/request-head.ts";
import { forwardedAddress, originOf, type RequestOptions } from "./origin.ts";

export function fetchRequest(
  { method, url, headers }: Request,
  { trustProxy, cookieName }: RequestOptions,
): VisitRequest {
  const { host, protocol, pathname } = new URL(url);
  // A server may make the URL of its own name. The browser's name for it is in the header.
  const named = headers.get("host") ?? host;
  const origin = originOf(headers, { host: named, scheme: protocol.slice(0, -1), trustProxy });
  // A `Request` tells nothing of its connection.
  return {
    method,
    path: pathname,
    origin,
    headers,
    cookieName: cookieNameOf({ headers, origin }, { cookieName, isDirect: () => true }),
    address: trustProxy ? forwardedAddress(headers) : null,
  };
}

/** The response with the visit's headers. It is the same object if its headers can be changed. */
export function respondWith(response: Response, visitHeaders: VisitHeaders): Response {
  const changes: [change: "set" | "append", name: string, value: string][] = [];
  const leaving: ResponseHead = {
    status: response.status,
    get: (name) => response.headers.get(name),
    set: (name, value) => void changes.push(["set", name, value]),
    append: (name, value) => void changes.push(["append", name, value]),
  };
  visitHeaders.addTo(leaving);
  if (changes.length === 0) return response;
  const changed = hasFixedHeaders(response) ? new Response(response.body, response) : response;
  for (const [change, name, value] of changes) changed.headers[change](name, value);
  return changed;
}

/** Whether headers refuse a change, as those of `Response.redirect()` and of `fetch` do. */
function hasFixedHeaders({ headers }: Response): boolean {
  try {
    headers.delete("sign-in-headers-can-be-changed");
    return false;
  } catch {
    return true;
  }
}
