import { createPublicKey, hash, verify, type KeyObject } from "node:crypto";

/** The public half of an ECDSA key on the curve P-256, as WebCrypto exports it. The private half stays in the browser that asks. */
export interface RequestKey {
  readonly kty: "EC";
  readonly crv: "P-256";
  readonly x: string;
  readonly y: string;
}

/** How a key is stored; null for coordinates that are no point of the curve. */
export function storedKey({ x, y }: RequestKey): string | null {
  return keyFrom(x, y) && `${x}.${y}`;
}

/** Whether the private half of a stored key signed this text: ECDSA with SHA-256, as WebCrypto writes it. */
export function isSignedBy(stored: string, text: string, signature: string): boolean {
  const [x = "", y = ""] = stored.split(".");
  const key = keyFrom(x, y);
  const bytes = Buffer.from(signature, "base64url");
  return key !== null && verify("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }, bytes);
}

/** What the browser that asked signs. Only that browser was told the challenge. */
export function claimText(challenge: string): string {
  return `@sessions hand-off claim ${challenge}`;
}

/** The id of a request, from the code that its screen shows. Nobody finds the code from it. */
export function requestIdOf(code: string): string {
  return hash("sha256", `hand-off code ${code}`, "base64url");
}

function keyFrom(x: string, y: string): KeyObject | null {
  try {
    return createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
  } catch {
    return null;
  }
}
