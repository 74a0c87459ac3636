/** A key that wraps the keys of owners. */
export interface WrappingKey {
  /** Names the key in the database. It is no secret. */
  readonly id: string;
  /** Encrypts a key of 32 bytes. */
  wrap(bytes: Uint8Array): Promise<Uint8Array>;
}

/**
 * The keys that wrap the keys of owners: a list in the environment, a file, or a key management service. An owner's keys
 * are kept in memory for some minutes, so a service is asked seldom, and never while a key is in memory.
 *
 * @example
 * const keys: KeyProvider = {
 *   current: async () => ({ id: arn, wrap: async (bytes) => (await kms.encrypt({ KeyId: arn, Plaintext: bytes })).CiphertextBlob }),
 *   unwrap: async (id, bytes) => (await kms.decrypt({ KeyId: id, CiphertextBlob: bytes })).Plaintext,
 * };
 */
export interface KeyProvider {
  /** The key that wraps from now on. */
  current(): Promise<WrappingKey>;
  /**
   * Decrypts what a key of this id has wrapped. Undefined if there is no key of this id. If it throws, the service is
   * believed to be out of order for a moment.
   */
  unwrap(id: string, wrapped: Uint8Array): Promise<Uint8Array | undefined>;
}
