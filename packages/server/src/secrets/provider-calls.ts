import { SessionsError } from "@sessions/core/internal";
import type { KeyProvider } from "./key-provider.ts";

/** Calls a provider of keys. @throws {SessionsError} its own fault, or `keys_failed` for anything else that it throws. */
export async function callProvider<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof SessionsError) throw cause;
    throw new SessionsError("keys_failed", "The provider of `keys` threw.", { cause });
  }
}

/** What a key has wrapped. @throws {SessionsError} `keys_missing`, which names a key that the provider does not have. */
export async function unwrapKey(provider: KeyProvider, keyId: string, wrapped: Uint8Array): Promise<Uint8Array> {
  const bytes = await callProvider(() => provider.unwrap(keyId, wrapped));
  if (bytes === undefined) throw keysMissing(keyId);
  return bytes;
}

/** The fault of a node that needs a key and does not have it. */
export function keysMissing(keyId: string | undefined): SessionsError {
  const which = keyId === undefined ? "keys" : `key ${keyId}`;
  return new SessionsError(
    "keys_missing",
    `Something is sealed with ${which}, which this node does not have. Give it in \`keys\`, behind the newest.`,
  );
}
