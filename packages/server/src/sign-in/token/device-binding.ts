import { createHmac, hash, randomBytes, timingSafeEqual } from "node:crypto";
import { base64url } from "./token.ts";

/**
 * What binds a sign-in to a device: the public key of a pair whose private key only the device has. The device proves
 * that it has the key by signing a challenge, and gets a short cookie for it. (Device Bound Session Credentials, W3C.)
 */
export interface DeviceBinding {
  /** The point of an ECDSA key on P-256: x, then y, 64 bytes as base64url. */
  readonly key: string;
  /** Makes the challenges and the short cookies: 32 bytes as base64url. Without the sign-in's token it lets nobody in. */
  readonly secret: string;
  /** The number of the newest challenge. Each accepted proof raises it. */
  readonly number: number;
  readonly boundMs: number;
}

/** How long a short cookie is accepted, in milliseconds. */
export const BOUND_MS = 600_000;
/** How long the browser keeps it. It asks for the next one before the server refuses this one. */
export const BOUND_KEPT_MS = 480_000;
/** After the binding, requests that were under way come without the short cookie. In milliseconds. */
export const BINDING_GRACE_MS = 120_000;
/** How long a challenge may wait for its proof: longer than a short cookie, with which the browser got it. */
const CHALLENGE_MS = 1_200_000;
/** How far the clocks of two nodes may differ. */
const CLOCK_OFF_MS = 60_000;

const NONCE_BYTES = 8;

export function createBinding(
  key: string,
  nowMs: number,
  random: (bytes: number) => Uint8Array = randomBytes,
): DeviceBinding {
  return { key, secret: base64url(random(32)), number: 1, boundMs: nowMs };
}

/** The challenge for the next proof. Each node gives it, without a word to the others. */
export function challengeOf({ secret, number }: DeviceBinding, publicId: string, nowMs: number): string {
  return `${number}.${nowMs}.${mac(secret, ["challenge", publicId, number, nowMs])}`;
}

/**
 * The number of a challenge that may be answered now; undefined for any other text. The last two are good: a browser may
 * prove twice at once, and a reply that brings the next challenge may be lost.
 */
export function challengeNumber(
  { secret, number: newest }: DeviceBinding,
  publicId: string,
  text: string,
  nowMs: number,
): number | undefined {
  const [number, madeMs, code] = partsOf(text) ?? [];
  if (number === undefined || madeMs === undefined || code === undefined) return undefined;
  if (!same(code, mac(secret, ["challenge", publicId, number, madeMs]))) return undefined;
  const isNew = nowMs - madeMs < CHALLENGE_MS && madeMs - nowMs < CLOCK_OFF_MS;
  return isNew && (number === newest || number === newest - 1) ? number : undefined;
}

/** A short cookie. Each is another text. */
export function boundCookie({ secret }: DeviceBinding, publicId: string, nowMs: number): string {
  const untilMs = nowMs + BOUND_MS;
  const nonce = randomBytes(NONCE_BYTES).readUIntBE(0, 6);
  return `${untilMs}.${nonce}.${mac(secret, ["cookie", publicId, untilMs, nonce])}`;
}

/** Until when a short cookie is good, in milliseconds since 1970; undefined if it is not good now. */
export function boundUntilMs(
  { secret }: DeviceBinding,
  publicId: string,
  text: string,
  nowMs: number,
): number | undefined {
  const [untilMs, nonce, code] = partsOf(text) ?? [];
  if (untilMs === undefined || nonce === undefined || code === undefined) return undefined;
  if (!same(code, mac(secret, ["cookie", publicId, untilMs, nonce]))) return undefined;
  return untilMs > nowMs && untilMs - nowMs < BOUND_MS + CLOCK_OFF_MS ? untilMs : undefined;
}

/** What a browser signs to bind a sign-in. Only the answer that brought this token has it. */
export function registrationChallenge(secret: Uint8Array, publicId: string): string {
  return createHmac("sha256", secret).update(`device-binding registration ${publicId}`).digest("base64url");
}

/** Whether two texts are the same, in a time that tells nothing of the place where they differ. */
export function same(one: string, other: string): boolean {
  return timingSafeEqual(hash("sha256", one, "buffer"), hash("sha256", other, "buffer"));
}

function mac(secret: string, parts: readonly (string | number)[]): string {
  const key = Buffer.from(secret, "base64url");
  return createHmac("sha256", key)
    .update(`device-binding ${parts.join(" ")}`)
    .digest("base64url");
}

function partsOf(text: string): [number, number, string] | undefined {
  const parts = /^(\d{1,15})\.(\d{1,15})\.([\w-]{43})$/.exec(text);
  return parts === null ? undefined : [Number(parts[1]), Number(parts[2]), parts[3]!];
}
