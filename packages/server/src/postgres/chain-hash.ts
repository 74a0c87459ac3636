import { createHmac, hash, type KeyObject } from "node:crypto";
import { hexFromBytes } from "./values.ts";

/**
 * The hash of an entry of a history: SHA-256 over the hash before it, in hex, and the entry's text. A text is hashed in
 * half of the time that a Buffer takes.
 */
export function chainHash(before: Uint8Array | null, text: string): Uint8Array {
  return Buffer.from(hash("sha256", before === null ? text : hexFromBytes(before) + text), "hex");
}

/** The hash of an entry of a history, with the owner's chain key. */
export function keyedChainHash(key: KeyObject, before: Uint8Array | null, text: string): Uint8Array {
  const mac = createHmac("sha256", key);
  if (before !== null) mac.update(before);
  return mac.update(text).digest();
}
