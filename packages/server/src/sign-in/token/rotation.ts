import { hash, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { base64url, BRANCH_BYTES, SECRET_BYTES, type Token } from "./token.ts";

/** How long a request, or its reply, may be on its way. */
export const HANG_MS = 5 * 60_000;

/** How long after its first use a secret is offered again to requests with the one before: many are sent at once. */
const OFFER_MS = 60_000;

/**
 * How long after the first use of a secret every branch of it is accepted. The reply with a branch may hang, and a
 * request that was sent before it arrived may hang again. A browser that dies loses the cookies of its last 30 seconds.
 * The rest is for the clocks of nodes and for their caches.
 */
export const OVERLAP_MS = OFFER_MS + 2 * HANG_MS + 2 * 60_000;

/** How long a token is `superseded` after another one was bound, before it counts as stolen. */
export const GRACE_MS = 2 * 60_000;

/** How long a branch is accepted that was offered before the overlap started again. */
export const OLD_BRANCH_MS = HANG_MS + 60_000;

/** A request with the generation before that comes later than this was sent after the browser lost its newer cookie. */
const RESTART_MS = OFFER_MS + 2 * HANG_MS;

/** A token of an older generation than this is unknown. Each generation costs one derivation. */
const MAX_BEHIND = 64;
/** As many as one byte holds. */
const MAX_RESTARTS = 255;
const SALT_BYTES = 16;

/** The part of a sign-in's row that decides about a token. All bytes are base64url. */
export interface RotationState {
  /** Raised by one with each write. A write takes effect only if the row still has the number before. */
  readonly revision: number;
  /** The highest generation that was presented. The times below are about its secret. */
  readonly generation: number;
  /** SHA-256 of this generation's secret. */
  readonly hash: string;
  /** SHA-256 of the next generation's secret. */
  readonly nextHash: string;
  /** Makes a generation's secret from the one before. It is random, and only the row has it. */
  readonly salt: string;
  /** SHA-256 of the secret that a new proof replaced. Null after the first rotation. */
  readonly replacedHash: string | null;
  /** When the overlap started: at the first use of this generation, or when it last started again. */
  readonly startedMs: number;
  /** When this generation was first presented in this overlap. Null if it was not. */
  readonly usedMs: number | null;
  /** How often the overlap started again. */
  readonly restarts: number;
  /** The only branch of this generation that is accepted. Null during the overlap. */
  readonly branch: string | null;
  readonly boundMs: number | null;
  /** The branch to which the generation before was bound. */
  readonly previousBranch: string | null;
}

/** The next secret, for the answer's cookie. */
export type OfferedSecret = Pick<Token, "generation" | "branch" | "secret">;

export type TokenJudgement =
  /** The offer may leave only after the write, if there is one. If another write came first, the token is judged again. */
  | { readonly kind: "accepted"; readonly offer?: OfferedSecret; readonly write?: RotationState }
  /** The secret is right and was replaced a moment ago. The client has the newer one, and tries again. */
  | { readonly kind: "superseded" }
  /** The secret is right and was replaced long ago. The sign-in ends as `secret_reused`. */
  | { readonly kind: "reused" }
  | { readonly kind: "nobody" };

export interface RotationOptions {
  readonly rotateMs: number;
  readonly random?: (bytes: number) => Uint8Array;
}

/** The first secret of a sign-in, or the first one after a new proof: then `replaces` is the state before. */
export function createRotation(
  nowMs: number,
  replaces?: RotationState,
  random: (bytes: number) => Uint8Array = randomBytes,
): { readonly rotation: RotationState; readonly offer: OfferedSecret } {
  const offer = { generation: 0, branch: branchOf(0, random), secret: random(SECRET_BYTES) };
  const salt = base64url(random(SALT_BYTES));
  const rotation = {
    revision: replaces ? replaces.revision + 1 : 0,
    generation: 0,
    hash: hashOf(offer.secret),
    nextHash: hashOf(secretAfter(offer.secret, salt, 0)),
    salt,
    replacedHash: replaces?.hash ?? null,
    startedMs: nowMs,
    usedMs: nowMs,
    restarts: 0,
    // One answer alone has it, so there is nothing to wait for.
    branch: offer.branch,
    boundMs: nowMs,
    previousBranch: null,
  };
  return { rotation, offer };
}

/**
 * Judges a token by its sign-in's row. A copy of the row may accept a token without a write. The keeper uses a copy
 * for at most five minutes. For every other judgement the row itself is read. docs/decisions/0020-sign-ins.md gives the reasons for the rules.
 */
export function judgeToken(row: RotationState, token: Token, nowMs: number, options: RotationOptions): TokenJudgement {
  const behind = row.generation - token.generation;
  const isKnown = behind >= -1 && behind <= MAX_BEHIND;
  const secret = isKnown ? forward(token, row) : token.secret;
  // A hash is compared for every generation: the time does not tell which generation the row has.
  if (isHash(behind === -1 ? row.nextHash : row.hash, secret) && isKnown) {
    if (behind === -1) return { kind: "accepted", write: moved(row, token, nowMs) };
    if (behind === 0) return judgeCurrent(row, token, nowMs, options);
    return behind === 1 ? judgePrevious(row, token, secret, nowMs, options) : { kind: "reused" };
  }
  const isReplaced = row.replacedHash !== null && isHash(row.replacedHash, token.secret);
  return { kind: isReplaced && nowMs < row.startedMs + GRACE_MS ? "superseded" : "nobody" };
}

function judgeCurrent(row: RotationState, token: Token, nowMs: number, options: RotationOptions): TokenJudgement {
  if (row.branch === null) return judgeUnbound(row, token, nowMs, options);
  if (row.branch !== token.branch) return tooLate(row, nowMs);
  return { kind: "accepted", ...offerWhenDue(row, token, nowMs, options) };
}

function judgeUnbound(row: RotationState, token: Token, nowMs: number, options: RotationOptions): TokenJudgement {
  if (restartsOf(token.branch) < row.restarts) {
    // The overlap started again for a browser that has lost this branch, so it sends it no more: another one does.
    return { kind: nowMs - row.startedMs <= OLD_BRANCH_MS ? "accepted" : "reused" };
  }
  if (row.usedMs === null) return { kind: "accepted", write: changed(row, { usedMs: nowMs }) };
  if (nowMs - row.usedMs < OVERLAP_MS) return { kind: "accepted" };
  const write = changed(row, { branch: token.branch, boundMs: nowMs });
  return { kind: "accepted", write, ...offerWhenDue(write, token, nowMs, options) };
}

function judgePrevious(
  row: RotationState,
  token: Token,
  secret: Uint8Array,
  nowMs: number,
  { random = randomBytes }: RotationOptions,
): TokenJudgement {
  if (row.branch !== null) return tooLate(row, nowMs);
  // No browser has another branch of a generation that was bound.
  if (row.previousBranch !== token.branch) return { kind: "reused" };
  const offer = (restarts: number) => ({ generation: row.generation, branch: branchOf(restarts, random), secret });
  const usedForMs = row.usedMs === null ? 0 : nowMs - row.usedMs;
  if (usedForMs <= OFFER_MS) return { kind: "accepted", offer: offer(row.restarts) };
  // It was on its way when the browser got its newer cookie. A second offer could arrive late and overwrite the newer cookie.
  if (usedForMs <= RESTART_MS || row.restarts === MAX_RESTARTS) return { kind: "accepted" };
  // The browser died, and its cookies went back to this generation.
  const restarts = row.restarts + 1;
  return {
    kind: "accepted",
    offer: offer(restarts),
    write: changed(row, { startedMs: nowMs, usedMs: null, restarts }),
  };
}

function tooLate({ boundMs }: RotationState, nowMs: number): TokenJudgement {
  return { kind: boundMs !== null && nowMs < boundMs + GRACE_MS ? "superseded" : "reused" };
}

/** The cookies that a browser holds of a bound generation are the last ones, so nothing of the one before is under way. */
function offerWhenDue(
  row: RotationState,
  token: Token,
  nowMs: number,
  { rotateMs, random = randomBytes }: RotationOptions,
): { readonly offer?: OfferedSecret } {
  if (nowMs - row.startedMs < rotateMs) return {};
  const secret = secretAfter(token.secret, row.salt, row.generation);
  return { offer: { generation: row.generation + 1, branch: branchOf(0, random), secret } };
}

function moved(row: RotationState, token: Token, nowMs: number): RotationState {
  return changed(row, {
    generation: token.generation,
    hash: row.nextHash,
    nextHash: hashOf(secretAfter(token.secret, row.salt, token.generation)),
    replacedHash: null,
    startedMs: nowMs,
    usedMs: nowMs,
    restarts: 0,
    branch: null,
    boundMs: null,
    previousBranch: row.branch,
  });
}

function changed(row: RotationState, change: Partial<RotationState>): RotationState {
  return { ...row, ...change, revision: row.revision + 1 };
}

/** The secret of the row's generation, from an earlier one. */
function forward(token: Token, { salt, generation }: RotationState): Uint8Array {
  let { secret } = token;
  for (let at = token.generation; at < generation; at += 1) secret = secretAfter(secret, salt, at);
  return secret;
}

function secretAfter(secret: Uint8Array, salt: string, generation: number): Uint8Array {
  const bytes = Buffer.from(salt, "base64url");
  return new Uint8Array(hkdfSync("sha256", secret, bytes, `sign-in ${generation + 1}`, SECRET_BYTES));
}

/** A branch that nobody else has. Its first byte tells how often the overlap had started again when it was offered. */
function branchOf(restarts: number, random: (bytes: number) => Uint8Array): string {
  const bytes = Uint8Array.from(random(BRANCH_BYTES));
  bytes[0] = restarts;
  return base64url(bytes);
}

function restartsOf(branch: string): number {
  return Buffer.from(branch, "base64url")[0] ?? 0;
}

function hashOf(secret: Uint8Array): string {
  return hash("sha256", secret, "base64url");
}

const HASH_BYTES = 32;
// The two hashes that are compared: a new Buffer for each takes longer than the hash.
const expected = Buffer.alloc(HASH_BYTES);
const given = Buffer.alloc(HASH_BYTES);

/** Whether this is the hash of the secret, in a time that does not tell where they differ. */
function isHash(known: string, secret: Uint8Array): boolean {
  given.write(hash("sha256", secret, "binary"), "latin1");
  const isHashed = expected.write(known, "base64url") === HASH_BYTES;
  return timingSafeEqual(expected, given) && isHashed;
}
