import { webcrypto } from "node:crypto";
import { claimText, type RequestKey } from "../../sign-in/hand-off/request-key.ts";

export interface RequestingBrowser {
  readonly publicKey: RequestKey;
  sign(challenge: string): Promise<string>;
}

/** A browser that asks for a hand-off: its key is made as a page makes it, and cannot leave it. */
export async function requestingBrowser(): Promise<RequestingBrowser> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const { publicKey, privateKey } = await webcrypto.subtle.generateKey(algorithm, false, ["sign"]);
  const { x, y } = await webcrypto.subtle.exportKey("jwk", publicKey);
  return {
    publicKey: { kty: "EC", crv: "P-256", x: x!, y: y! },
    sign: async (challenge) => {
      const text = new TextEncoder().encode(claimText(challenge));
      const signature = await webcrypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, text);
      return Buffer.from(signature).toString("base64url");
    },
  };
}
