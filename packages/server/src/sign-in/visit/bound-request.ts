import type { LiveSignIn } from "../keeper/sign-in-keeper.ts";
import { cookieValues } from "../request/cookies.ts";
import type { VisitRequest } from "../request/request-head.ts";
import { BINDING_GRACE_MS, boundUntilMs } from "../token/device-binding.ts";

/** How long after a proof of the person a browser may bind the sign-in to its device, in milliseconds. */
export const REGISTRATION_MS = 300_000;

/**
 * Until when the request has the short cookie of the device that its sign-in is bound to, in milliseconds since 1970.
 * Undefined if it has none that is good now. Infinite for a sign-in that is bound to no device.
 */
export function provedUntilMs(
  request: Pick<VisitRequest, "headers" | "cookieName">,
  { binding, publicId }: LiveSignIn,
  nowMs: number,
): number | undefined {
  if (binding === null) return Infinity;
  const values = cookieValues(request, "bound");
  const untilMs = values.length === 1 ? boundUntilMs(binding, publicId, values[0]!, nowMs) : undefined;
  if (untilMs !== undefined) return untilMs;
  // Requests that were under way when the sign-in was bound have no cookie yet.
  const graceEndsMs = binding.boundMs + BINDING_GRACE_MS;
  return nowMs < graceEndsMs ? graceEndsMs : undefined;
}

/**
 * When a stream of this request has to be opened again, in milliseconds since 1970: the request that opens it then shows
 * the device's next short cookie. Infinite if it never has to.
 */
export function renewAtMs(
  request: Pick<VisitRequest, "headers" | "cookieName">,
  signIn: LiveSignIn,
  nowMs: number,
): number {
  if (signIn.binding !== null) return provedUntilMs(request, signIn, nowMs) ?? nowMs;
  // It may be bound in a moment.
  const decidedMs = signIn.provedMs + REGISTRATION_MS;
  return nowMs < decidedMs ? decidedMs : Infinity;
}

/** Whether the browser says that it could not refresh the short cookie for now. */
export function hasSkipped({ headers }: Pick<VisitRequest, "headers">, { publicId }: LiveSignIn): boolean {
  const skipped = headers.get("secure-session-skipped") ?? "";
  return skipped.split(",").some((item) => item.includes(`session_identifier="${publicId}"`));
}
