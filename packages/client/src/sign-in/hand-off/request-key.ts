/** A key of one request, which cannot leave the browser. The server lets in only what signs with it. */
export interface RequestKey {
  readonly publicKey: { readonly kty: "EC"; readonly crv: "P-256"; readonly x: string; readonly y: string };
  readonly privateKey: CryptoKey;
}

/** Null where the browser has no WebCrypto: outside of HTTPS and localhost. */
export async function createRequestKey(): Promise<RequestKey | null> {
  const { subtle } = globalThis.crypto;
  // The types do not know of insecure pages.
  if ((subtle as SubtleCrypto | undefined) === undefined) return null;
  const { publicKey, privateKey } = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  const { x, y } = await subtle.exportKey("jwk", publicKey);
  return { publicKey: { kty: "EC", crv: "P-256", x: x!, y: y! }, privateKey };
}

/** The signature with which a page claims a request, as base64url. */
export async function signClaim(privateKey: CryptoKey, challenge: string): Promise<string> {
  const text = new TextEncoder().encode(`@sessions hand-off claim ${challenge}`);
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, text);
  const binary = String.fromCharCode(...new Uint8Array(signature));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
