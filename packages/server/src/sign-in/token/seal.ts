import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes } from "node:crypto";
import { SessionsError } from "@sessions/core/internal";
import type { SignInFacts } from "../sign-in-facts.ts";
import { base64url, bytesOf, tokenText, type Token } from "./token.ts";

/** The facts of a live sign-in that a sealed copy carries, beside the owner, who is in the token. */
export interface SealedFacts extends SignInFacts {
  readonly publicId: string;
  readonly csrf: string;
}

export interface SealOptions {
  /** 32 bytes each as base64url, the newest first. It seals; all of them open. */
  readonly keys: readonly (string | undefined)[];
  /** How long a sealed copy is believed. */
  readonly trustMs: number;
  /** Names the sign-ins of which copies are sealed. A copy of others is worth nothing, under the same keys too. */
  readonly realm: string;
  readonly random?: (bytes: number) => Uint8Array;
}

export interface Unsealed {
  readonly facts: SealedFacts;
  /** When it was sealed: a later end of the sign-in counts more. */
  readonly sealedMs: number;
}

const MAKE_ONE = "Make one with: node -p \"require('node:crypto').randomBytes(32).toString('base64url')\"";

const CIPHER = "aes-256-gcm";
const PURPOSE = "sign-in seal 2";
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** More than a cookie holds. Nothing longer is decrypted. */
const MAX_LENGTH = 4_096;
/** How far the clock of the node that sealed may be ahead. */
const CLOCK_OFF_MS = 5_000;

/**
 * Seals copies of sign-ins for a cookie beside the token's: encrypted, signed, and believed for a short time by each
 * node that has a key, without a question to anybody.
 *
 * A copy is bound to its token. Beside another one, a newer secret of the same sign-in too, it is worth nothing.
 */
export class Seal {
  readonly #keys: readonly Buffer[];
  readonly #trustMs: number;
  readonly #realm: string;
  readonly #random: (bytes: number) => Uint8Array;

  /** @throws {SessionsError} `configuration_invalid`, which names the key by its place and never shows it. */
  constructor({ keys, trustMs, realm, random = randomBytes }: SealOptions) {
    if (keys.length === 0) throw new SessionsError("configuration_invalid", `\`seal.keys\` is empty. ${MAKE_ONE}`);
    this.#keys = keys.map((key, index) => {
      const bytes = typeof key === "string" ? bytesOf(key, KEY_BYTES) : undefined;
      if (bytes) return bytes;
      throw new SessionsError(
        "configuration_invalid",
        `\`seal.keys[${index}]\` is not 32 bytes in base64url. ${MAKE_ONE}`,
      );
    });
    this.#trustMs = trustMs;
    this.#realm = realm;
    this.#random = random;
  }

  seal(facts: SealedFacts, token: Token, nowMs: number): string {
    const iv = this.#random(IV_BYTES);
    const cipher = createCipheriv(CIPHER, this.#keyFor(this.#keys[0]!, token), iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(boundTo(token));
    const sealed = Buffer.concat([cipher.update(textOf(facts, nowMs), "utf8"), cipher.final()]);
    return base64url(Buffer.concat([iv, sealed, cipher.getAuthTag()]));
  }

  /** The facts of a copy that belongs to this token and may be believed now. All others are nothing, in the same way. */
  open(text: string, token: Token, nowMs: number): Unsealed | undefined {
    const bytes = text.length > MAX_LENGTH ? undefined : bytesOf(text);
    if (!bytes || bytes.length <= IV_BYTES + TAG_BYTES) return undefined;
    for (const key of this.#keys) {
      const opened = decrypted(bytes, this.#keyFor(key, token), token);
      if (opened === undefined) continue;
      const unsealed = unsealedFrom(opened);
      const ageMs = nowMs - unsealed.sealedMs;
      const isBelieved = ageMs >= -CLOCK_OFF_MS && ageMs < this.#trustMs && nowMs < unsealed.facts.endsMs;
      return isBelieved ? unsealed : undefined;
    }
    return undefined;
  }

  /** A key of each sign-in, so that no key ever sees as many random numbers as would repeat. */
  #keyFor(key: Buffer, { id }: Token): Uint8Array {
    return new Uint8Array(hkdfSync("sha256", key, id, `${PURPOSE} ${this.#realm}`, KEY_BYTES));
  }
}

/** The additional data: the purpose, and the token with its owner, as a hash. */
function boundTo(token: Token): Buffer {
  return Buffer.from(`${PURPOSE} ${hash("sha256", tokenText(token), "base64url")}`);
}

function decrypted(bytes: Buffer, key: Uint8Array, token: Token): string | undefined {
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(boundTo(token));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const opened = decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES));
    return Buffer.concat([opened, decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

type Sealed = readonly [
  sealedMs: number,
  publicId: string,
  device: string,
  place: string | null,
  factors: readonly string[],
  sinceMs: number,
  provedMs: number,
  lastUsedMs: number,
  endsMs: number,
  csrf: string,
  guestSession: string | null,
];

function textOf(facts: SealedFacts, sealedMs: number): string {
  const { publicId, device, place, factors, sinceMs, provedMs, lastUsedMs, endsMs, csrf, guestSession } = facts;
  const times = [sinceMs, provedMs, lastUsedMs, endsMs] as const;
  const sealed: Sealed = [sealedMs, publicId, device, place, factors, ...times, csrf, guestSession];
  return JSON.stringify(sealed);
}

function unsealedFrom(text: string): Unsealed {
  // A holder of a key wrote it, under this purpose.
  const [sealedMs, publicId, device, place, factors, sinceMs, provedMs, lastUsedMs, endsMs, csrf, guestSession] =
    JSON.parse(text) as Sealed;
  return {
    sealedMs,
    facts: { publicId, device, place, factors, guestSession, sinceMs, provedMs, lastUsedMs, endsMs, csrf },
  };
}
