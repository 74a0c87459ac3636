import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";
import { SessionsError } from "@sessions/core/internal";
import { takeRandomBytes } from "../random-bytes.ts";

/** Where a sealed value is kept. It opens nowhere else. Nothing in it changes in the life of a row. */
export interface Place {
  readonly schema: string;
  /** A session's row, active or archived, or an entry of its history. */
  readonly kind: "session" | "history";
  readonly owner: string;
  readonly session: string;
  /** The number of the entry; null for a session's row. */
  readonly entry: number | null;
}

// The layout: one byte for the version of this format, four for the generation of the owner's key, the nonce, the
// ciphertext and the tag. docs/operating/secrets.md describes it, and has its test vectors.
const VERSION = 1;
const VERSION_BYTES = 1;
const GENERATION_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = VERSION_BYTES + GENERATION_BYTES;
const CIPHER = "aes-256-gcm";

/** Follows the text in what is encrypted. Zeros follow it. */
const END_OF_TEXT = 0x80;
const SMALLEST_STEP = 64;
const LARGEST_SMALL = 1_024;

/** Encrypts a text for a place. `nonce` is given only by tests of the format: one key must never see it twice. */
export function seal(
  key: KeyObject,
  generation: number,
  place: Place,
  text: string,
  nonce: Uint8Array = takeRandomBytes(NONCE_BYTES),
): Uint8Array {
  const length = Buffer.byteLength(text);
  const size = paddedLength(length + 1);
  const padded = Buffer.allocUnsafe(size);
  padded.write(text, 0, "utf8");
  padded[length] = END_OF_TEXT;
  padded.fill(0, length + 1);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(additionalData(place));
  const encrypted = cipher.update(padded);
  // GCM encrypts all at once: this gives no bytes, and makes the tag.
  cipher.final();
  const sealed = Buffer.allocUnsafe(HEADER_BYTES + NONCE_BYTES + size + TAG_BYTES);
  sealed[0] = VERSION;
  sealed.writeUInt32BE(generation, VERSION_BYTES);
  sealed.set(nonce, HEADER_BYTES);
  sealed.set(encrypted, HEADER_BYTES + NONCE_BYTES);
  sealed.set(cipher.getAuthTag(), HEADER_BYTES + NONCE_BYTES + size);
  // Node may give the same memory to others.
  padded.fill(0);
  return sealed;
}

/**
 * The text of a sealed value. `keyOf` gives the owner's key of a generation.
 *
 * @throws {SessionsError} `sealed_invalid`, which names the place, and never shows a value.
 */
export function open(keyOf: (generation: number) => KeyObject | undefined, place: Place, sealed: Uint8Array): string {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length <= HEADER_BYTES + NONCE_BYTES + TAG_BYTES) throw invalid(place, "it is too short.");
  if (bytes[0] !== VERSION) throw invalid(place, `it has format ${bytes[0]}, which this version does not know.`);
  const generation = bytes.readUInt32BE(VERSION_BYTES);
  const key = keyOf(generation);
  if (key === undefined) throw invalid(place, `the owner has no key of generation ${generation}.`);
  const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(additionalData(place));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const padded = decipher.update(bytes.subarray(HEADER_BYTES + NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    throw invalid(place, "it was changed, belongs to another place, or was sealed with another key.");
  }
  const end = padded.lastIndexOf(END_OF_TEXT);
  return padded.toString("utf8", 0, end);
}

/** The generation of the owner's keys that sealed a value. 0 for a value that is too short to say it. */
export function generationOf(sealed: Uint8Array): number {
  return sealed.length < HEADER_BYTES ? 0 : Buffer.from(sealed.subarray(0, HEADER_BYTES)).readUInt32BE(VERSION_BYTES);
}

/** The length to which a text is padded, so that its exact length is hidden: in steps of 64 bytes up to 1 kB, then by Padmé (Nikitin et al. 2019). */
export function paddedLength(length: number): number {
  if (length <= LARGEST_SMALL) return Math.max(1, Math.ceil(length / SMALLEST_STEP)) * SMALLEST_STEP;
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  return Math.ceil(length / step) * step;
}

/** The additional data of the encryption: the version of the format and the place, as a JSON array. */
function additionalData({ schema, kind, owner, session, entry }: Place): Buffer {
  return Buffer.from(JSON.stringify([`sessions sealed ${VERSION}`, schema, kind, owner, session, entry]));
}

function invalid({ kind, session, entry }: Place, why: string): SessionsError {
  const where = kind === "session" ? `The row of session ${session}` : `Entry ${entry} of session ${session}`;
  return new SessionsError("sealed_invalid", `${where} does not open: ${why}`);
}

/** Whether something that is sealed does not open: a fault of its row, and not of the node. */
export function isSealedInvalid(error: unknown): error is SessionsError {
  return error instanceof SessionsError && error.code === "sealed_invalid";
}
