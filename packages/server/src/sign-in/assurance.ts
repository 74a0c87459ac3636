import type { AssuranceLevel } from "@sessions/core/internal";

/** Whether the last proof is at most this old. A proof of a node whose clock is ahead is new. */
export function isFresh(provedMs: number, freshMs: number, nowMs: number): boolean {
  return nowMs - provedMs <= freshMs;
}

// NIST SP 800-63B-4, section 3. An unknown name proves one factor, as a password does.
const knowledge: readonly string[] = ["password"];
const possession: readonly string[] = ["totp", "sms", "push", "recovery_code", "security_key"];
const both: readonly string[] = ["passkey", "hardware_passkey"];

/**
 * The level that these factors prove together.
 *
 * | level | factors |
 * | --- | --- |
 * | aal3 | `hardware_passkey`, or `security_key` and `password` |
 * | aal2 | `passkey`, or `password` and one of `totp`, `sms`, `push`, `recovery_code` |
 * | aal1 | any other factor |
 */
export function levelOf(factors: readonly string[]): AssuranceLevel | undefined {
  if (factors.length === 0) return undefined;
  const has = (names: readonly string[]) => factors.some((factor) => names.includes(factor));
  const isTwo = has(both) || (has(knowledge) && has(possession));
  if (has(["hardware_passkey"]) || (isTwo && has(["security_key"]))) return "aal3";
  return isTwo ? "aal2" : "aal1";
}

/** Whether a level is at least the one that is asked for. */
export function isLevel(level: AssuranceLevel | undefined, asked: AssuranceLevel): boolean {
  return level !== undefined && level >= asked;
}
