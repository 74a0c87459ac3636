import { LRUCache } from "lru-cache";
import { BINDING_BYTES, bindingFromBytes, bindingToBytes } from "../../rows/binding-bytes.ts";
import { rotationFromBytes, rotationToBytes } from "../../rows/rotation-bytes.ts";
import type { StoredSignIn } from "../../rows/stored-sign-in.ts";
import { bytesOfUuid, uuidOf } from "../../token/public-id.ts";

/** A live sign-in, and when its row was read, by the clock that never goes back. */
export interface CachedSignIn {
  /** Without the hashes of the next secret and of a replaced one. */
  readonly signIn: StoredSignIn;
  readonly readMs: number;
}

/** The least bytes of a text: with an owner of one letter. */
const MIN_TEXT_BYTES = 140;
/** The memory of an entry beside its text: the key, and the cache's own lists. Measured in `sign-in-cache.test.ts`. */
const ENTRY_BYTES = 170;

/**
 * Sign-ins as this node last saw them. There are many and each is small, so each is one text of bytes instead of an
 * object with its parts: a quarter of the memory.
 */
export class SignInCache {
  readonly #entries: LRUCache<string, string>;

  /** `bytes`: how much memory the entries may take, roughly. */
  constructor(bytes: number) {
    const maxSize = Math.max(1, bytes);
    // With a count the cache's lists are typed arrays, which take half of the memory.
    const max = Math.ceil(maxSize / (ENTRY_BYTES + MIN_TEXT_BYTES));
    this.#entries = new LRUCache({ max, maxSize, sizeCalculation: (text) => ENTRY_BYTES + text.length });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The sign-in with these bytes of its public id. */
  get(idBytes: string): CachedSignIn | undefined {
    const text = this.#entries.get(idBytes);
    return text === undefined ? undefined : unpack(idBytes, text);
  }

  /** Caches a sign-in, unless a newer state of it is cached. */
  put(signIn: StoredSignIn, readMs: number): void {
    const key = bytesOfUuid(signIn.id);
    const cached = this.#entries.peek(key);
    if (cached !== undefined && revisionIn(cached) > signIn.rotation.revision) return;
    this.#entries.set(key, pack(signIn, readMs));
  }

  /** Drops a sign-in if its cached revision is older than this one. */
  dropOlder(id: string, revision: number): void {
    const key = bytesOfUuid(id);
    const cached = this.#entries.peek(key);
    if (cached !== undefined && revisionIn(cached) < revision) this.#entries.delete(key);
  }

  drop(id: string): void {
    this.#entries.delete(bytesOfUuid(id));
  }

  clear(): void {
    this.#entries.clear();
  }
}

const TIME_BYTES = 6;
const CSRF_BYTES = 16;
const times = ["sinceMs", "provedMs", "lastUsedMs", "endsMs"] as const;
/** Where the revision is, at the start of the text. */
const REVISION_AT = 0;
const HEAD_BYTES = 8 + (times.length + 1) * TIME_BYTES + CSRF_BYTES;

/**
 * Head: two numbers, the times, the value for mutations. Then five texts, each after its length. Then a byte of flags,
 * the device binding if there is one, and the rotation.
 */
function pack({ rotation, binding, ...signIn }: StoredSignIn, readMs: number): string {
  const { owner, device, place, factors, guestSession } = signIn;
  const texts = [owner, device, place ?? "", factors.join(SEPARATOR), guestSession ?? ""];
  const sizes = texts.map((text) => Buffer.byteLength(text));
  // These two decide only about tokens for which the row is asked anyway.
  const rotationBytes = rotationToBytes({ ...rotation, nextHash: "", replacedHash: null });
  const bytes = Buffer.allocUnsafe(
    HEAD_BYTES +
      sizes.reduce((sum, size) => sum + 2 + size, 0) +
      1 +
      (binding ? BINDING_BYTES : 0) +
      rotationBytes.length,
  );
  let at = bytes.writeUInt32BE(rotation.revision, REVISION_AT);
  at = bytes.writeUInt32BE(signIn.epoch, at);
  for (const name of times) at = bytes.writeUIntBE(signIn[name], at, TIME_BYTES);
  at = bytes.writeUIntBE(Math.floor(readMs), at, TIME_BYTES);
  at += bytes.write(signIn.csrf, at, CSRF_BYTES, "base64url");
  for (const [index, text] of texts.entries()) {
    at = bytes.writeUInt16BE(sizes[index]!, at);
    at += bytes.write(text, at);
  }
  at = bytes.writeUInt8((place === null ? 0 : HAS_PLACE) | (binding === null ? 0 : HAS_BINDING), at);
  if (binding) at += bindingToBytes(binding).copy(bytes, at);
  rotationBytes.copy(bytes, at);
  return bytes.toString("latin1");
}

// Where a text is read. A new Buffer for each takes longer than to read it.
const room = Buffer.alloc(4_096);

function unpack(idBytes: string, text: string): CachedSignIn {
  const bytes = text.length <= room.length ? room : Buffer.alloc(text.length);
  bytes.write(text, "latin1");
  let at = REVISION_AT + 4;
  const time = () => bytes.readUIntBE((at += TIME_BYTES) - TIME_BYTES, TIME_BYTES);
  const next = () => {
    const size = bytes.readUInt16BE(at);
    at += 2 + size;
    return size === 0 ? "" : bytes.toString("utf8", at - size, at);
  };
  const epoch = bytes.readUInt32BE((at += 4) - 4);
  const sinceMs = time();
  const provedMs = time();
  const lastUsedMs = time();
  const endsMs = time();
  const readMs = time();
  const csrf = bytes.toString("base64url", at, (at += CSRF_BYTES));
  const owner = next();
  const device = next();
  const place = next();
  const factors = next();
  const guestSession = next();
  const flags = bytes[at]!;
  const bindingAt = at + 1;
  const hasBinding = (flags & HAS_BINDING) !== 0;
  const signIn = {
    owner,
    id: uuidOf(idBytes),
    device,
    place: (flags & HAS_PLACE) === 0 ? null : place,
    factors: factors === "" ? [] : factors.split(SEPARATOR),
    guestSession: guestSession === "" ? null : guestSession,
    sinceMs,
    provedMs,
    lastUsedMs,
    endsMs,
    csrf,
    binding: hasBinding ? bindingFromBytes(bytes, bindingAt) : null,
    rotation: rotationFromBytes(bytes, bindingAt + (hasBinding ? BINDING_BYTES : 0)),
    epoch,
  };
  return { signIn, readMs };
}

const HAS_PLACE = 1;
const HAS_BINDING = 2;

/** Separates factors. A factor is a word of the application's code. */
const SEPARATOR = "\u001f";

function revisionIn(text: string): number {
  return Buffer.from(text.slice(REVISION_AT, REVISION_AT + 4), "latin1").readUInt32BE();
}
