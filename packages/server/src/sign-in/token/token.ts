/** The parts of a token. Its text is `owner.id.generation.branch.secret`. */
export interface Token {
  readonly owner: string;
  /** The sign-in's looked-up id: 16 bytes as base64url. It is never shown. */
  readonly id: string;
  /** How often the sign-in's secret was replaced before this one. */
  readonly generation: number;
  /** Tells the replies apart that offered the same secret: 8 bytes as base64url. */
  readonly branch: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

export const ID_BYTES = 16;
export const BRANCH_BYTES = 8;
export const SECRET_BYTES = 32;

/** As many as `identify` allows. */
const MAX_OWNER_LENGTH = 200;
const MAX_GENERATION = 1_000_000_000;
// The owner has up to 3 bytes a character, each 3 bytes are 4 characters. Then 10 + 22 + 11 + 43 characters, 4 points.
const MAX_LENGTH = 4 * MAX_OWNER_LENGTH + 90;

/** The text of a token, for a cookie or the header `Authorization`. */
export function tokenText({ owner, id, generation, branch, secret }: Token): string {
  return [Buffer.from(owner, "utf8").toString("base64url"), id, generation, branch, base64url(secret)].join(".");
}

/**
 * The one way in which a token is written: each part in base64url without padding. The last character of a part has
 * bits beyond the last byte, and they are zero.
 */
const PATTERN =
  /^([\w-]+)\.([\w-]{21}[AQgw])\.(0|[1-9]\d{0,9})\.([\w-]{10}[AEIMQUYcgkosw048])\.([\w-]{42}[AEIMQUYcgkosw048])$/;

/** Reads a token's text. Undefined for every text that `tokenText` cannot have written. */
export function parseToken(text: string): Token | undefined {
  const parts = text.length > MAX_LENGTH ? null : PATTERN.exec(text);
  if (parts === null) return undefined;
  const [owner, generation] = [ownerOf(parts[1]!), Number(parts[3])];
  if (owner === undefined || generation > MAX_GENERATION) return undefined;
  return { owner, id: parts[2]!, generation, branch: parts[4]!, secret: Buffer.from(parts[5]!, "base64url") };
}

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
}

/** The bytes of a text in base64url without padding, in the one way that they are written. */
export function bytesOf(text: string, length?: number): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  // Node skips characters that do not belong there, and bits after the last byte.
  if (bytes.toString("base64url") !== text) return undefined;
  return length === undefined || bytes.length === length ? bytes : undefined;
}

function ownerOf(text: string): string | undefined {
  const owner = Buffer.from(text, "base64url").toString("utf8");
  if (owner.length > MAX_OWNER_LENGTH || owner.includes("\0")) return undefined;
  // Bytes that are no UTF-8, and characters and bits that do not belong there, are not written again.
  return Buffer.from(owner, "utf8").toString("base64url") === text ? owner : undefined;
}
