import type { RequestHeaders } from "../request/request-head.ts";

/** The options with which an adapter reads a request. */
export interface RequestOptions {
  readonly trustProxy: boolean;
  /** The name of the token's cookie, without its prefix. */
  readonly cookieName: string;
}

/**
 * The origin of a request; null if it names no host. The scheme that a proxy names is believed only if `trustProxy` says
 * that there is a proxy: otherwise anybody may send that header.
 */
export function originOf(
  headers: RequestHeaders,
  { host, scheme, trustProxy }: { readonly host: string | null; readonly scheme: string; readonly trustProxy: boolean },
): string | null {
  const forwarded = trustProxy ? headers.get("x-forwarded-proto")?.split(",")[0]!.trim().toLowerCase() : undefined;
  const used = forwarded === "https" || forwarded === "http" ? forwarded : scheme;
  const url = host === null ? null : URL.parse(`${used}://${host}`);
  // A host that has a path, a user or a query is no host.
  return url !== null && url.pathname === "/" && url.username === "" && url.search === "" ? url.origin : null;
}

/** The address that the nearest proxy names: the last of the list, because a browser may send what is before it. */
export function forwardedAddress(headers: RequestHeaders): string | null {
  const address = headers.get("x-forwarded-for")?.split(",").at(-1)!.trim();
  return address === undefined || address === "" ? null : address;
}
