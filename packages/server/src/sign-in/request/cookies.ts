import { stringifySetCookie } from "cookie";
import { SessionsError } from "@sessions/core/internal";
import type { RequestHead } from "./request-head.ts";

/** Browsers drop a cookie of more than 4,096 bytes, some without its attributes, some with them. */
export const MAX_COOKIE_BYTES = 4_050;

/** The cookies of a sign-in: its token, and a sealed copy of its row. */
export type CookieKind = "sign-in" | "sign-in-seal";

/** Browsers take a cookie of this prefix only over https, for the whole host, and from no other host. */
const PREFIX = "__Host-";

/**
 * The values of the request's cookies of this kind. Only one value counts: two come from two hosts or paths, and nobody
 * can tell which one is this host's.
 *
 * The package `cookie` gives the first of two and decodes it, so it does not read here.
 */
export function cookieValues(request: Pick<RequestHead, "headers" | "origin">, kind: CookieKind): readonly string[] {
  return valuesOf(request.headers.get("cookie"), cookieName(request, kind));
}

/** The text of a `Set-Cookie` header. A null value clears the cookie. @throws {SessionsError} if it is too long. */
export function setCookie(
  request: Pick<RequestHead, "headers" | "origin">,
  {
    kind,
    value,
    maxAgeSeconds,
  }: { readonly kind: CookieKind; readonly value: string | null; readonly maxAgeSeconds: number },
): string {
  const name = cookieName(request, kind);
  const text = stringifySetCookie({
    name,
    value: value ?? "",
    maxAge: value === null ? 0 : maxAgeSeconds,
    path: "/",
    httpOnly: true,
    secure: name.startsWith(PREFIX),
    sameSite: "lax",
  });
  if (text.length > MAX_COOKIE_BYTES) {
    throw new SessionsError(
      "configuration_invalid",
      `The cookie ${name} has ${text.length} bytes, and browsers keep ${MAX_COOKIE_BYTES}. Shorten the device's name, the factors, or the place that \`locate\` returns.`,
    );
  }
  return text;
}

/**
 * The name of a cookie. Browsers that do not count http://localhost as secure refuse the prefix there. A proxy may make
 * a public request look like one to localhost: then the browser's Origin, or the cookie that it has, says so.
 */
function cookieName({ headers, origin }: Pick<RequestHead, "headers" | "origin">, kind: CookieKind): string {
  const prefixed = `${PREFIX}${kind}`;
  const from = headers.get("origin");
  const isPlain = isLocal(origin) && (from === null || isLocal(from));
  return isPlain && valuesOf(headers.get("cookie"), prefixed).length === 0 ? kind : prefixed;
}

function isLocal(origin: string | null): boolean {
  return /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(origin ?? "");
}

function valuesOf(header: string | null, name: string): readonly string[] {
  return (header ?? "")
    .split(";")
    .map((pair) => pair.replace(/^ +/, ""))
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}
