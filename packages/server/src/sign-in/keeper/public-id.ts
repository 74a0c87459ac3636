import { hash } from "node:crypto";

/**
 * The public id of the sign-in with this id in its token: a UUID of version 8 (RFC 9562) from its SHA-256. Nobody finds
 * the id in the token from it.
 */
export function publicIdOf(tokenId: string): string {
  const hex = hash("sha256", `sign-in ${tokenId}`, "hex");
  const variant = ((parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
