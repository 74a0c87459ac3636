import type { Mutant } from "./mutants.ts";

const ROTATION = "server/src/sign-in/token/rotation.ts";

const one = (name: string, find: string, replace: string): Mutant => ({
  name: `sign-in: ${name}`,
  patches: [{ file: ROTATION, find, replace }],
});

/** Ways to break the rotation of sign-ins that the schedules of one sign-in must notice. */
export const signInMutants: readonly Mutant[] = [
  one(
    "never bind a branch",
    "const write = changed(row, { branch: token.branch, boundMs: nowMs });",
    "const write = changed(row, { usedMs: nowMs });",
  ),
  one("accept a bound secret with any branch", "if (row.branch !== token.branch) return tooLate(row, nowMs);", ""),
  one(
    "bind a branch while replies with another one are under way",
    "export const OVERLAP_MS = OFFER_MS + 2 * HANG_MS + 2 * 60_000;",
    "export const OVERLAP_MS = 2 * 60_000;",
  ),
  one(
    "refuse the secret before by the clock alone",
    "  if (row.branch !== null) return tooLate(row, nowMs);\n  // No browser",
    '  if (nowMs - row.startedMs > OVERLAP_MS) return { kind: "reused" };\n  // No browser',
  ),
  one(
    "offer each request a secret of its own",
    "const secret = secretAfter(token.secret, row.salt, row.generation);",
    "const secret = secretAfter(token.secret, branchOf(0, random), row.generation);",
  ),
  one(
    "count the generations from one off",
    "return behind === 1 ? judgePrevious",
    "return behind === 2 ? judgePrevious",
  ),
  one(
    "end the sign-in for a forged secret of an old generation",
    "  const isReplaced = row.replacedHash",
    '  if (behind > 0) return { kind: "reused" };\n  const isReplaced = row.replacedHash',
  ),
  one(
    "take the next generation at its word",
    "if (isHash(behind === -1 ? row.nextHash : row.hash, secret) && isKnown) {",
    "if (isKnown && (behind === -1 || isHash(row.hash, secret))) {",
  ),
  one(
    "take an old secret for a forged one",
    'judgePrevious(row, token, secret, nowMs, options) : { kind: "reused" };',
    'judgePrevious(row, token, secret, nowMs, options) : { kind: "nobody" };',
  ),
  one(
    "offer a secret again as long as requests hang",
    "if (usedForMs <= OFFER_MS) return",
    "if (usedForMs <= RESTART_MS) return",
  ),
  one("forget before which restart a branch was offered", "bytes[0] = restarts;", "bytes[0] = 0;"),
  one(
    "accept a branch of before a restart for ever",
    '{ kind: nowMs - row.startedMs <= OLD_BRANCH_MS ? "accepted" : "reused" }',
    '{ kind: "accepted" }',
  ),
];
