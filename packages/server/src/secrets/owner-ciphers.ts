import type { Kysely } from "kysely";
import type { OwnerTables } from "../postgres/tables.ts";
import { clearCipher, keyedCipher, keylessCipher, type OwnerCipher } from "./owner-cipher.ts";
import { OwnerKeys, seals, type OwnerKeySet, type OwnerKeysOptions } from "./owner-keys.ts";

/** What a node seals: what is secret, all, or nothing that was not sealed before. */
export type Encrypt = "sensitive" | "all" | "read";

export interface OwnerCiphersOptions extends OwnerKeysOptions {
  readonly encrypt: Encrypt;
}

/** Gives the ciphers of owners. */
export class OwnerCiphers {
  readonly #options: OwnerCiphersOptions;
  readonly #keys: OwnerKeys;

  constructor(options: OwnerCiphersOptions) {
    this.#options = options;
    this.#keys = new OwnerKeys(options);
  }

  /** The cipher for what is written of an owner. It makes the owner's keys, if this node seals. */
  async forWriting(owner: string): Promise<OwnerCipher> {
    const { provider, encrypt } = this.#options;
    if (provider === undefined) return keylessCipher;
    const found = encrypt === "read" ? await this.#keys.find(owner) : undefined;
    return this.#cipherOf(owner, isEnoughForReader(found) ? found : await this.#keys.ensure(owner));
  }

  /**
   * The cipher for what is read of an owner. It makes no keys. `generation` is that of a value which it must open: a node
   * that has older keys in memory looks for newer ones.
   *
   * @throws {SessionsError} `keys_missing` on a node that does not have the key that wrapped the owner's.
   */
  async forReading(owner: string, generation?: number): Promise<OwnerCipher> {
    return this.#cipherOf(owner, await this.#keys.find(owner, generation));
  }

  /** As {@link forReading}, in a transaction. It needs no other connection. */
  async readingWithin(tx: Kysely<OwnerTables>, owner: string): Promise<OwnerCipher> {
    // A node without keys finds out here that it needs some.
    const keys = await this.#keys.load(tx, owner);
    return this.#options.provider === undefined ? keylessCipher : this.#cipherOf(owner, keys);
  }

  /** As {@link forWriting}, in a transaction that may be rolled back. With `mustSeal`, it makes the keys in any case. */
  async writingWithin(tx: Kysely<OwnerTables>, owner: string, mustSeal: boolean): Promise<OwnerCipher> {
    const { provider, encrypt } = this.#options;
    if (provider === undefined) return keylessCipher;
    const found = encrypt === "read" && !mustSeal ? await this.#keys.load(tx, owner) : undefined;
    return this.#cipherOf(owner, isEnoughForReader(found) ? found : await this.#keys.make(tx, owner));
  }

  /** Forgets the keys of an owner, or of all. */
  drop(owner?: string): void {
    this.#keys.drop(owner);
  }

  /** @throws {SessionsError} `keys_missing`, which names a key that is needed and missing. */
  check(): Promise<void> {
    return this.#keys.check();
  }

  #cipherOf(owner: string, keys: OwnerKeySet | null): OwnerCipher {
    if (keys === null) return clearCipher;
    const { schema, encrypt } = this.#options;
    // A node that only reads the new must not show what another node has sealed. It seals as much as any other.
    const scope = encrypt === "sensitive" ? "sensitive" : "all";
    return keyedCipher(schema, owner, keys, scope);
  }
}

/** Whether a node that only reads the new writes with these keys. An owner whose data key was destroyed gets another one. */
function isEnoughForReader(found: OwnerKeySet | null | undefined): found is OwnerKeySet | null {
  return found === null || (found !== undefined && seals(found));
}
