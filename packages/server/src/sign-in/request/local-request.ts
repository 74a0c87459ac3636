import type { RequestHead } from "./request-head.ts";

/** Headers with which proxies name the browser's address. */
const addressHeaders = ["x-forwarded-for", "x-real-ip"];
/** Headers that proxies alone send, in forms of which not all are read here. */
const proxyHeaders = ["forwarded", "via"];

/**
 * Whether a request surely comes from a browser on this machine that shows `http://localhost`. A proxy can rewrite the
 * host to `localhost`: so nothing in the request may name another place.
 */
export function isLocalRequest({ headers, origin }: Pick<RequestHead, "headers" | "origin">): boolean {
  const partsOf = (name: string) =>
    headers
      .get(name)
      ?.split(",")
      .map((part) => part.trim()) ?? [];
  const from = headers.get("origin");
  return (
    isLocalOrigin(origin) &&
    (from === null || isLocalOrigin(from)) &&
    partsOf("x-forwarded-host").every((host) => isLocalOrigin(`http://${host}`)) &&
    addressHeaders.flatMap(partsOf).every(isLoopback) &&
    partsOf("x-forwarded-proto").every((scheme) => scheme === "http") &&
    proxyHeaders.every((name) => headers.get(name) === null)
  );
}

/** Whether an IP address is one of this machine itself. */
export function isLoopback(address: string): boolean {
  return /^(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|::1)$/i.test(address);
}

function isLocalOrigin(origin: string | null): boolean {
  return /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(origin ?? "");
}
