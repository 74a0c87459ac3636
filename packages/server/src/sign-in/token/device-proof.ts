import { createPublicKey, verify } from "node:crypto";
import { z } from "zod";
import { bytesOf } from "./token.ts";

/** A coordinate of a point on P-256. */
const COORDINATE_BYTES = 32;
/** A proof has about 500 bytes. Nothing longer is read. */
const MAX_LENGTH = 4_096;

const coordinate = z.string().refine((text) => bytesOf(text, COORDINATE_BYTES) !== undefined);
const headerSchema = z.object({
  typ: z.literal("dbsc+jwt"),
  alg: z.literal("ES256"),
  jwk: z.object({ kty: z.literal("EC"), crv: z.literal("P-256"), x: coordinate, y: coordinate }).optional(),
});
const payloadSchema = z.object({ jti: z.string().max(500) });

/** A proof whose signature is right. */
export interface DeviceProof {
  /** The key that signed it: x, then y, as base64url. */
  readonly key: string;
  readonly challenge: string;
}

/**
 * Reads and verifies the JWT of a `Secure-Session-Response`: ES256 alone. The key is the one that the sign-in is bound to;
 * without one it is that of the proof, which then shows only that its sender has the private key. Undefined for all others.
 */
export function deviceProof(text: string, boundKey?: string): DeviceProof | undefined {
  const [head, body, signature, ...more] = text.length > MAX_LENGTH ? [] : text.split(".");
  if (head === undefined || body === undefined || signature === undefined || more.length > 0) return undefined;
  const header = headerSchema.safeParse(jsonOf(head));
  const payload = payloadSchema.safeParse(jsonOf(body));
  const signed = bytesOf(signature, 2 * COORDINATE_BYTES);
  if (!header.success || !payload.success || signed === undefined) return undefined;
  const { jwk } = header.data;
  const key = boundKey ?? (jwk && joined(jwk));
  if (key === undefined || !isSignedBy(key, `${head}.${body}`, signed)) return undefined;
  return { key, challenge: payload.data.jti };
}

function joined({ x, y }: { readonly x: string; readonly y: string }): string {
  return Buffer.concat([bytesOf(x)!, bytesOf(y)!]).toString("base64url");
}

/** False too for a point that is not on the curve. */
function isSignedBy(key: string, text: string, signature: Uint8Array): boolean {
  const point = Buffer.from(key, "base64url");
  const [x, y] = [point.subarray(0, COORDINATE_BYTES), point.subarray(COORDINATE_BYTES)];
  const jwk = { kty: "EC", crv: "P-256", x: x.toString("base64url"), y: y.toString("base64url") };
  try {
    const publicKey = createPublicKey({ key: jwk, format: "jwk" });
    return verify("sha256", Buffer.from(text), { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false;
  }
}

function jsonOf(part: string): unknown {
  const bytes = bytesOf(part);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
