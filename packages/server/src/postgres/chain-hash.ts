import { hash } from "node:crypto";

/** The hash of an entry of a history: SHA-256 over the hash before it and the entry's text. */
export function chainHash(before: Uint8Array | null, text: string): Uint8Array {
  const bytes = Buffer.from(text);
  return hash("sha256", before === null ? bytes : Buffer.concat([before, bytes]), "buffer");
}
