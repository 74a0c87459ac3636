import type { Place } from "../../secrets/sealed.ts";

// A second implementation of docs/operating/secrets.md, by WebCrypto, that shares no code with the first. The two must agree.

const HEADER_BYTES = 5;
const NONCE_BYTES = 12;

export interface Sealing {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly generation: number;
  readonly place: Place;
  readonly text: string;
  readonly nonce: Uint8Array<ArrayBuffer>;
}

export async function sealByWebCrypto({ key, generation, place, text, nonce }: Sealing): Promise<Uint8Array> {
  const encoded = [...new TextEncoder().encode(text), 0x80];
  const padded = Uint8Array.from([...encoded, ...Array<number>(lengthFor(encoded.length) - encoded.length).fill(0)]);
  const encrypted = await crypto.subtle.encrypt(algorithm(nonce, place), await imported(key, "encrypt"), padded);
  const header = [1, generation >>> 24, (generation >>> 16) & 255, (generation >>> 8) & 255, generation & 255];
  return Uint8Array.from([...header, ...nonce, ...new Uint8Array(encrypted)]);
}

export async function openByWebCrypto(
  key: Uint8Array<ArrayBuffer>,
  place: Place,
  sealed: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const nonce = sealed.slice(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  const encrypted = sealed.slice(HEADER_BYTES + NONCE_BYTES);
  const opened = await crypto.subtle.decrypt(algorithm(nonce, place), await imported(key, "decrypt"), encrypted);
  const padded = new Uint8Array(opened);
  let end = padded.length - 1;
  while (padded[end] === 0) end -= 1;
  return new TextDecoder().decode(padded.slice(0, end));
}

function algorithm(iv: Uint8Array<ArrayBuffer>, { schema, kind, owner, session, entry }: Place) {
  const additionalData = new TextEncoder().encode(
    JSON.stringify(["sessions sealed 1", schema, kind, owner, session, entry]),
  );
  return { name: "AES-GCM", iv, additionalData, tagLength: 128 };
}

function imported(key: Uint8Array<ArrayBuffer>, usage: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, [usage]);
}

/** Steps of 64 up to 1,024. Above, the lower bits are zero that Padmé gives away. */
function lengthFor(length: number): number {
  if (length <= 1_024) return 64 * Math.ceil(length / 64);
  const exponent = 31 - Math.clz32(length);
  const bits = exponent - (32 - Math.clz32(exponent));
  return ((length + (1 << bits) - 1) >>> bits) << bits;
}
