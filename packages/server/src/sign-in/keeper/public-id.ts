import { hash } from "node:crypto";

/**
 * The public id of the sign-in with this id in its token: a UUID of version 8 (RFC 9562) from its SHA-256. Nobody finds
 * the id in the token from it.
 */
export function publicIdOf(tokenId: string): string {
  const bytes = hash("sha256", `sign-in ${tokenId}`, "buffer");
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
