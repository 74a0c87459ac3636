import type { Kysely } from "kysely";
import type { OwnerTables } from "../postgres/tables.ts";
import type { KeyProvider } from "./key-provider.ts";
import { callProvider, unwrapKey } from "./provider-calls.ts";
import { countWrappingKeys, listKeysToWrap, rewrapKeys, type RewrappedKeys } from "./rows/wrapped-keys.ts";

/** How many rows are read and written at once. */
const PAGE_ROWS = 200;

export interface RotationOptions {
  readonly db: Kysely<OwnerTables>;
  readonly provider: KeyProvider;
  /** Called after each page, with how many rows were wrapped anew. It may throw to stop: no row is half done then. */
  readonly onProgress?: (rows: number) => void;
}

/** What a rotation did. */
export interface Rotation {
  /** How many generations of owners' keys it wrapped. */
  readonly wrapped: number;
  /** The key that wraps them now. */
  readonly keyId: string;
}

/** One wrapping key, and what it wraps in the database. */
export interface WrappingKeyUse {
  readonly keyId: string;
  /** How many generations of owners' keys it wraps. */
  readonly rows: number;
  /** Whether it is the provider's current key. */
  readonly isCurrent: boolean;
  /** Whether the provider has it. */
  readonly isThere: boolean;
}

/**
 * Wraps the keys of all owners with the provider's current key. The owners' keys stay the same, so nothing that they
 * sealed is written. Each page is one statement, and rows that are wrapped already are left out: if it is stopped or
 * killed, the next run goes on where it was.
 *
 * @throws {SessionsError} `keys_missing`, which names a key that wraps something and is not there; `sealed_invalid` for
 * a row that was changed. The rows before stay wrapped anew.
 */
export async function rotateKeys({ db, provider, onProgress = () => {} }: RotationOptions): Promise<Rotation> {
  const current = await callProvider(() => provider.current());
  const rewrap = async (keyId: string, bytes: Uint8Array | null) => {
    const key = bytes && (await unwrapKey(provider, keyId, bytes));
    return key && callProvider(() => current.wrap(key));
  };
  let wrapped = 0;
  for (let after: RewrappedKeys | undefined; ;) {
    const rows = await listKeysToWrap(db, current.id, PAGE_ROWS, after);
    if (rows.length === 0) return { wrapped, keyId: current.id };
    const page: RewrappedKeys[] = [];
    for (const { owner, generation, keyId, data, chain } of rows) {
      page.push({ owner, generation, keyId, data: await rewrap(keyId, data), chain: await rewrap(keyId, chain) });
    }
    wrapped += await rewrapKeys(db, current.id, page);
    after = page.at(-1);
    onProgress(wrapped);
  }
}

/** Every key that wraps something in the database, by id. */
export async function wrappingKeyUses(
  db: Kysely<OwnerTables>,
  provider: KeyProvider | undefined,
): Promise<readonly WrappingKeyUse[]> {
  const current = provider && (await callProvider(() => provider.current())).id;
  const uses: WrappingKeyUse[] = [];
  for (const { keyId, rows, wrapped } of await countWrappingKeys(db)) {
    const found = provider && (await callProvider(() => provider.unwrap(keyId, wrapped)));
    uses.push({ keyId, rows, isCurrent: keyId === current, isThere: found !== undefined });
  }
  return uses;
}
