import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { expect, test } from "vitest";
import { proofOf } from "../../testing/visits/bound-browser.ts";
import { deviceProof } from "./device-proof.ts";

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const { kty, crv, x, y } = pair.publicKey.export({ format: "jwk" });
const jwk = { kty, crv, x, y };
const key = Buffer.concat([Buffer.from(x!, "base64url"), Buffer.from(y!, "base64url")]).toString("base64url");
const payload = { jti: "a challenge" };
const proof = proofOf(pair.privateKey, payload, { jwk });
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Signed by the key, whatever the header says. */
function signed(header: unknown, body: unknown = payload): string {
  const text = `${part(header)}.${part(body)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key: pair.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

test("a proof tells its key and its challenge, and the bound key stands in for one that it does not have", () => {
  expect(deviceProof(proof)).toEqual({ key, challenge: "a challenge" });
  expect(deviceProof(proofOf(pair.privateKey, payload), key)).toEqual({ key, challenge: "a challenge" });
  expect(deviceProof(proofOf(pair.privateKey, payload))).toBeUndefined();
});

test("S18: a proof of another key is none for a bound one, also if it brings its own", () => {
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const own = other.publicKey.export({ format: "jwk" });
  for (const head of [{}, { jwk: own }, { jwk }]) {
    expect(deviceProof(proofOf(other.privateKey, payload, head), key)).toBeUndefined();
  }
});

const [head, body, signature] = proof.split(".") as [string, string, string];
const hmac = createHmac("sha256", Buffer.from(key, "base64url"));

test.for<[string, string]>([
  ["of `alg: none`", `${part({ typ: "dbsc+jwt", alg: "none", jwk })}.${body}.`],
  ["of `alg: none` with a signature", signed({ typ: "dbsc+jwt", alg: "none", jwk })],
  ["of an HMAC with the public key", signedByHmac()],
  ["of another algorithm", signed({ typ: "dbsc+jwt", alg: "RS256", jwk })],
  ["of another type", signed({ typ: "JWT", alg: "ES256", jwk })],
  ["without a type", signed({ alg: "ES256", jwk })],
  ["without a challenge", signed({ typ: "dbsc+jwt", alg: "ES256", jwk }, {})],
  ["of a key on another curve", signed({ typ: "dbsc+jwt", alg: "ES256", jwk: { ...jwk, crv: "P-384" } })],
  ["of a point that is not on the curve", signed({ typ: "dbsc+jwt", alg: "ES256", jwk: { ...jwk, y: x } })],
  ["of a short coordinate", signed({ typ: "dbsc+jwt", alg: "ES256", jwk: { ...jwk, x: "AAAA" } })],
  ["with another body", `${head}.${part({ jti: "another" })}.${signature}`],
  ["with another header", `${part({ typ: "dbsc+jwt", alg: "ES256", jwk, kid: "a" })}.${body}.${signature}`],
  ["with an empty signature", `${head}.${body}.`],
  ["with a signature of zeros", `${head}.${body}.${"A".repeat(86)}`],
  [
    "with a signature in DER",
    `${head}.${body}.${sign("sha256", Buffer.from(`${head}.${body}`), pair.privateKey).toString("base64url")}`,
  ],
  ["with a fourth part", `${proof}.a`],
  ["with padding", `${head}.${body}.${signature}==`],
  ["that is too long", `${head}.${body}.${signature}${"A".repeat(4_096)}`],
  ["that is no JSON", `${head}.AAAA.${signature}`],
  ["that is empty", ""],
])("S18: a proof %s is none", ([, text]) => {
  expect(deviceProof(text)).toBeUndefined();
});

function signedByHmac(): string {
  const text = `${part({ typ: "dbsc+jwt", alg: "HS256", jwk })}.${body}`;
  return `${text}.${hmac.update(text).digest("base64url")}`;
}
