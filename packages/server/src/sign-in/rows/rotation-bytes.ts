import type { RotationState } from "../token/rotation.ts";

/**
 * A rotation state in bytes: one for the layout, one that tells which parts follow, one for the restarts, then the parts in the order below.
 * A row and an entry of the cache hold it so, because there are many of them.
 */
const LAYOUT = 1;

const numbers = ["revision", "generation"] as const;
const times = ["startedMs"] as const;
const optionalTimes = ["usedMs", "boundMs"] as const;
const hashes = { hash: 32, salt: 16 } as const;
const optionalBytes = { nextHash: 32, replacedHash: 32, branch: 8, previousBranch: 8 } as const;

const NUMBER_BYTES = 4;
const TIME_BYTES = 6;
const entriesOf = <Key extends string>(sizes: Readonly<Record<Key, number>>) =>
  Object.entries(sizes) as [Key, number][];
const requiredParts = entriesOf(hashes);
const optionalParts = entriesOf(optionalBytes);

const MAX_BYTES =
  3 +
  numbers.length * NUMBER_BYTES +
  (times.length + optionalTimes.length) * TIME_BYTES +
  [...requiredParts, ...optionalParts].reduce((sum, [, size]) => sum + size, 0);

export function rotationToBytes(rotation: RotationState): Buffer {
  const bytes = Buffer.alloc(MAX_BYTES);
  let present = 0;
  let at = bytes.writeUInt8(rotation.restarts, 2);
  for (const name of numbers) at = bytes.writeUInt32BE(rotation[name], at);
  for (const name of times) at = bytes.writeUIntBE(rotation[name], at, TIME_BYTES);
  for (const [name, size] of requiredParts) at += writeText(bytes, rotation[name], at, size);
  for (const [index, name] of optionalTimes.entries()) {
    const timeMs = rotation[name];
    if (timeMs === null) continue;
    present |= 1 << index;
    at = bytes.writeUIntBE(timeMs, at, TIME_BYTES);
  }
  for (const [index, [name, size]] of optionalParts.entries()) {
    const text = rotation[name];
    if (text === null || text === "") continue;
    present |= 1 << (optionalTimes.length + index);
    at += writeText(bytes, text, at, size);
  }
  bytes[0] = LAYOUT;
  bytes[1] = present;
  return bytes.subarray(0, at);
}

/** Reads a rotation state that begins at `start`. */
export function rotationFromBytes(bytes: Buffer, start = 0): RotationState {
  if (bytes[start] !== LAYOUT) throw new Error("The rotation state has a layout that this version does not know.");
  const present = bytes[start + 1]!;
  let at = start + 3;
  const number = () => bytes.readUInt32BE((at += NUMBER_BYTES) - NUMBER_BYTES);
  const time = () => bytes.readUIntBE((at += TIME_BYTES) - TIME_BYTES, TIME_BYTES);
  const text = (size: number) => bytes.toString("base64url", at, (at += size));
  const has = (index: number) => (present & (1 << index)) !== 0;
  // The parts are read in the order in which they are written here.
  return {
    revision: number(),
    generation: number(),
    restarts: bytes[start + 2]!,
    startedMs: time(),
    hash: text(hashes.hash),
    salt: text(hashes.salt),
    usedMs: has(0) ? time() : null,
    boundMs: has(1) ? time() : null,
    nextHash: has(2) ? text(optionalBytes.nextHash) : "",
    replacedHash: has(3) ? text(optionalBytes.replacedHash) : null,
    branch: has(4) ? text(optionalBytes.branch) : null,
    previousBranch: has(5) ? text(optionalBytes.previousBranch) : null,
  };
}

function writeText(bytes: Buffer, text: string, at: number, size: number): number {
  if (bytes.write(text, at, size, "base64url") !== size) throw new Error("A part of the rotation state is too short.");
  return size;
}
