import { stringifySetCookie } from "cookie";
import { SessionsError } from "@sessions/core/internal";
import { isLocalRequest } from "./local-request.ts";
import type { RequestHead, VisitRequest } from "./request-head.ts";

/** Browsers drop a cookie of more than 4,096 bytes, some without its attributes, some with them. */
export const MAX_COOKIE_BYTES = 4_050;

/**
 * The cookies of a sign-in: its token, a sealed copy of its row, and the short one of the device that it is bound to. A
 * visitor has one with their secret.
 */
export type CookieKind = "token" | "seal" | "bound" | "visitor";

/** Browsers take a cookie of this prefix only over https, for the whole host, and from no other host. */
const PREFIX = "__Host-";

/**
 * The values of the request's cookies of this kind. Only one value counts: two come from two hosts or paths, and nobody
 * can tell which one is this host's.
 *
 * The package `cookie` gives the first of two and decodes it, so it does not read here.
 */
export function cookieValues(
  request: Pick<VisitRequest, "headers" | "cookieName">,
  kind: CookieKind,
): readonly string[] {
  const header = request.headers.get("cookie");
  return header === null ? [] : valuesOf(header, nameOf(request, kind));
}

/** The text of a `Set-Cookie` header. A null value clears the cookie. @throws {SessionsError} if it is too long. */
export function setCookie(
  request: Pick<VisitRequest, "cookieName">,
  {
    kind,
    value,
    maxAgeSeconds,
  }: { readonly kind: CookieKind; readonly value: string | null; readonly maxAgeSeconds: number },
): string {
  const name = nameOf(request, kind);
  const maxAge = value === null ? 0 : maxAgeSeconds;
  const text = stringifySetCookie({ name, value: value ?? "", maxAge, ...attributes(name) });
  if (text.length > MAX_COOKIE_BYTES) {
    throw new SessionsError(
      "configuration_invalid",
      `The cookie ${name} has ${text.length} bytes, and browsers keep ${MAX_COOKIE_BYTES}. Shorten the device's name, the factors, or the place that \`locate\` returns.`,
    );
  }
  return text;
}

/**
 * The name of the token's cookie. Not all browsers count http://localhost as secure: there, the cookie has no prefix. A
 * proxy may make a public request look like one to localhost. Then the prefix stays.
 */
export function cookieNameOf(
  request: Pick<RequestHead, "headers" | "origin">,
  { cookieName, isDirect }: { readonly cookieName: string; readonly isDirect: () => boolean },
): string {
  const prefixed = `${PREFIX}${cookieName}`;
  const header = request.headers.get("cookie");
  if (header !== null && valuesOf(header, prefixed).length > 0) return prefixed;
  return isDirect() && isLocalRequest(request) ? cookieName : prefixed;
}

/** The name of a cookie, and its attributes as `Set-Cookie` has them. */
export function attributesOf(
  request: Pick<VisitRequest, "cookieName">,
  kind: CookieKind,
): { readonly name: string; readonly attributes: string } {
  const name = nameOf(request, kind);
  const [, ...all] = stringifySetCookie({ name, value: "", ...attributes(name) }).split("; ");
  return { name, attributes: all.join("; ") };
}

/** Whether the cookies are for https alone. */
export function isPrefixed({ cookieName }: Pick<VisitRequest, "cookieName">): boolean {
  return cookieName.startsWith(PREFIX);
}

function attributes(name: string) {
  return { path: "/", httpOnly: true, secure: name.startsWith(PREFIX), sameSite: "lax" } as const;
}

function nameOf({ cookieName }: Pick<VisitRequest, "cookieName">, kind: CookieKind): string {
  return kind === "token" ? cookieName : `${cookieName}-${kind}`;
}

function valuesOf(header: string, name: string): readonly string[] {
  const start = `${name}=`;
  const values: string[] = [];
  for (let at = 0; at < header.length;) {
    while (header[at] === " ") at += 1;
    const semicolon = header.indexOf(";", at);
    const end = semicolon === -1 ? header.length : semicolon;
    if (header.startsWith(start, at)) values.push(header.slice(at + start.length, end));
    at = end + 1;
  }
  return values;
}
