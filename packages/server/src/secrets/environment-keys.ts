import type { KeyProvider } from "./key-provider.ts";
import { keyRing } from "./key-ring.ts";

/**
 * Keys from the value of an environment variable: one or more of them, the newest first, separated by commas or spaces.
 * `sessions keys generate` makes one. To rotate, put a new key in front, and keep the others.
 *
 * @throws {SessionsError} `configuration_invalid` for a value without a key, or with one that is no key.
 * @example
 * keysFromEnvironment(process.env.SESSIONS_KEYS)
 */
export function keysFromEnvironment(value: string | undefined): KeyProvider {
  return keyRing((value ?? "").split(/[\s,]+/).filter(Boolean), "The environment's list of keys");
}
