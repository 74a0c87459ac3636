import { createCipheriv, createDecipheriv, createSecretKey, hash, randomBytes, type KeyObject } from "node:crypto";
import { SessionsError } from "@sessions/core/internal";
import type { KeyProvider } from "./key-provider.ts";

export const KEY_BYTES = 32;
const KEY_LENGTH = 43;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";

const MAKE_ONE = "Make one with: sessions keys generate";

/** A new key, as text: 32 random bytes in base64url. */
export function generateKey(): string {
  return randomBytes(KEY_BYTES).toString("base64url");
}

/** The name of a key: the start of its hash. A key has 256 random bits, so nobody finds it from its name. */
export function keyId(bytes: Uint8Array): string {
  return `k-${hash("sha256", Buffer.concat([Buffer.from("sessions key id 1 "), bytes]), "hex").slice(0, 16)}`;
}

/**
 * Keys that are held in memory, the newest first. The first one wraps; all of them unwrap.
 *
 * @throws {SessionsError} `configuration_invalid`, which names a key by its place and never shows it.
 */
export function keyRing(keys: readonly string[], source: string): KeyProvider {
  if (keys.length === 0) throw new SessionsError("configuration_invalid", `${source} has no key. ${MAKE_ONE}`);
  const ring = new Map<string, KeyObject>();
  for (const [index, text] of keys.entries()) {
    const bytes = Buffer.from(text, "base64url");
    if (bytes.length !== KEY_BYTES || text.length !== KEY_LENGTH) {
      throw new SessionsError(
        "configuration_invalid",
        `${source}: key ${index + 1} is not 32 bytes in base64url. ${MAKE_ONE}`,
      );
    }
    ring.set(keyId(bytes), createSecretKey(bytes));
  }
  // There is at least one.
  const [newest] = ring;
  const [id, key] = newest!;
  return {
    current: () => Promise.resolve({ id, wrap: (bytes) => Promise.resolve(wrap(key, id, bytes)) }),
    // A fault is a rejection, as for every provider.
    unwrap: async (wanted, wrapped) => {
      const found = ring.get(wanted);
      return found && unwrap(found, wanted, wrapped);
    },
  };
}

const purposeOf = (id: string) => Buffer.from(`sessions wrapped key 1 ${id}`);

function wrap(key: KeyObject, id: string, bytes: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(purposeOf(id));
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

function unwrap(key: KeyObject, id: string, wrapped: Uint8Array): Uint8Array {
  const bytes = Buffer.from(wrapped);
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(purposeOf(id));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new SessionsError("sealed_invalid", `A key that key ${id} has wrapped was changed.`);
  }
}
