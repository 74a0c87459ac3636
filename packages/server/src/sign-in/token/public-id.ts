import { hash } from "node:crypto";

const ID_BYTES = 16;
// A new Buffer for each id takes longer than its hash.
const bytes = Buffer.alloc(ID_BYTES);

/**
 * The public id of the sign-in with this id in its token: a UUID of version 8 (RFC 9562) from its SHA-256. Nobody finds
 * the id in the token from it.
 */
export function publicIdOf(tokenId: string): string {
  return uuidOf(publicIdBytesOf(tokenId));
}

/** The bytes of the public id, as a text of one byte a character. */
export function publicIdBytesOf(tokenId: string): string {
  bytes.write(hash("sha256", `sign-in ${tokenId}`, "binary"), 0, ID_BYTES, "latin1");
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("latin1");
}

/** The text of a UUID with these bytes. */
export function uuidOf(idBytes: string): string {
  bytes.write(idBytes, "latin1");
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The bytes of a UUID. */
export function bytesOfUuid(uuid: string): string {
  return Buffer.from(uuid.replaceAll("-", ""), "hex").toString("latin1");
}
