// The hash by which Citus spreads texts over shards: Postgres' own `hashtext` for a collation that compares bytes. It is
// Bob Jenkins' lookup3 (2006), as hashfn.c of Postgres has it. Its result is on the disk of each cluster, so it cannot change.

const START = 0x9e3779b9 + 3923095;

/** The hash of a text, as a signed integer of 32 bits. */
export function textHash(text: string): number {
  const bytes = Buffer.from(text);
  const state: State = [0, 0, 0].map(() => (START + bytes.length) | 0) as State;
  let at = 0;
  for (; bytes.length - at >= 12; at += 12) {
    for (const part of [0, 1, 2] as const) state[part] = (state[part] + bytes.readInt32LE(at + 4 * part)) | 0;
    mix(state);
  }
  for (const [index, byte] of bytes.subarray(at).entries()) {
    const part = (index >> 2) as 0 | 1 | 2;
    // The lowest byte of the last part was reserved for the length.
    const shift = 8 * (part === 2 ? (index % 4) + 1 : index % 4);
    state[part] = (state[part] + (byte << shift)) | 0;
  }
  finish(state);
  return state[2];
}

type State = [number, number, number];

const rotate = (value: number, bits: number) => (value << bits) | (value >>> (32 - bits));

function mix(state: State): void {
  let [a, b, c] = state;
  a = (a - c) ^ rotate(c, 4);
  c = (c + b) | 0;
  b = (b - a) ^ rotate(a, 6);
  a = (a + c) | 0;
  c = (c - b) ^ rotate(b, 8);
  b = (b + a) | 0;
  a = (a - c) ^ rotate(c, 16);
  c = (c + b) | 0;
  b = (b - a) ^ rotate(a, 19);
  a = (a + c) | 0;
  c = (c - b) ^ rotate(b, 4);
  b = (b + a) | 0;
  state[0] = a;
  state[1] = b;
  state[2] = c;
}

function finish(state: State): void {
  let [a, b, c] = state;
  c = (c ^ b) - rotate(b, 14);
  a = (a ^ c) - rotate(c, 11);
  b = (b ^ a) - rotate(a, 25);
  c = (c ^ b) - rotate(b, 16);
  a = (a ^ c) - rotate(c, 4);
  b = (b ^ a) - rotate(a, 14);
  c = (c ^ b) - rotate(b, 24);
  state[0] = a | 0;
  state[1] = b | 0;
  state[2] = c | 0;
}
