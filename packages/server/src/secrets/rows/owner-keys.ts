import { sql, type Kysely, type Transaction } from "kysely";
import { countFromRow, countSelection, type StoredCount } from "../../postgres/owner.ts";
import type { OwnerTables } from "../../postgres/tables.ts";
import { bytes, bytesFromHex, timeOf } from "../../postgres/values.ts";

/** One generation of an owner's keys, as it is stored. */
export interface WrappedKeys {
  readonly generation: number;
  /** The key that wrapped them. */
  readonly keyId: string;
  /** The wrapped data key; null after it was destroyed. */
  readonly data: Uint8Array | null;
  /** The wrapped chain key; null in a generation that is not the first. */
  readonly chain: Uint8Array | null;
  readonly createdMs: number;
}

/** One generation of an owner's keys, and how many sessions the owner has begun. */
export type LoadedKeys = WrappedKeys & { readonly count: StoredCount | null };

/** The generations of an owner's keys, the first one first. */
export async function loadOwnerKeys(db: Kysely<OwnerTables>, owner: string): Promise<readonly LoadedKeys[]> {
  const rows = await db
    .selectFrom("owner_key")
    .select([...wrappedSelection, sql<string>`(extract(epoch from created_at) * 1000)::text`.as("created")])
    .select(({ selectFrom }) => [
      selectFrom("owner").select(countSelection[0]).where("owner_id", "=", owner).as("counttext"),
      selectFrom("owner").select(countSelection[1]).where("owner_id", "=", owner).as("counthash"),
    ])
    .where("owner_id", "=", owner)
    .orderBy("generation")
    .execute();
  return rows.map((row) => ({
    ...wrappedFromRow(row),
    createdMs: Number(row.created),
    count: countFromRow(row),
  }));
}

/** The columns of which {@link wrappedFromRow} makes wrapped keys. */
export const wrappedSelection = [
  "generation",
  sql<string>`key_id`.as("key"),
  sql<string | null>`encode(data, 'hex')`.as("data"),
  sql<string | null>`encode(chain, 'hex')`.as("chain"),
] as const;

export function wrappedFromRow({
  generation,
  key,
  data,
  chain,
}: {
  readonly generation: number;
  readonly key: string;
  readonly data: string | null;
  readonly chain: string | null;
}): Omit<WrappedKeys, "createdMs"> {
  return {
    generation: Number(generation),
    keyId: key,
    data: data === null ? null : bytesFromHex(data),
    chain: chain === null ? null : bytesFromHex(chain),
  };
}

/** Adds a generation. False if another node has just added it. */
export async function insertOwnerKeys(
  db: Kysely<OwnerTables>,
  owner: string,
  { generation, keyId, data, chain, createdMs }: WrappedKeys & { readonly data: Uint8Array },
): Promise<boolean> {
  const rows = await db
    .insertInto("owner_key")
    .values({
      owner_id: owner,
      generation,
      key_id: keyId,
      data: bytes(data),
      chain: chain && bytes(chain),
      created_at: timeOf(createdMs),
    })
    .onConflict((conflict) => conflict.columns(["owner_id", "generation"]).doNothing())
    .returning("generation")
    .execute();
  return rows.length === 1;
}

/**
 * Holds a data key until the transaction ends, so that nobody destroys it meanwhile. False if it is destroyed already: then
 * nobody could read what it seals.
 */
export async function holdDataKey(tx: Transaction<OwnerTables>, owner: string, generation: number): Promise<boolean> {
  const row = await tx
    .selectFrom("owner_key")
    .select("generation")
    .where("owner_id", "=", owner)
    .where("generation", "=", generation)
    .where(sql<boolean>`data is not null`)
    .forKeyShare()
    .executeTakeFirst();
  return row !== undefined;
}

/** Destroys an owner's data keys. It waits for those who {@link holdDataKey hold} them. */
export async function destroyDataKeys(tx: Transaction<OwnerTables>, owner: string): Promise<void> {
  const held = await tx
    .selectFrom("owner_key")
    .select("generation")
    .where("owner_id", "=", owner)
    .where(sql<boolean>`data is not null`)
    .forUpdate()
    .execute();
  if (held.length === 0) return;
  await tx
    .updateTable("owner_key")
    .set({ data: sql<null>`null` })
    .where("owner_id", "=", owner)
    .where(sql<boolean>`data is not null`)
    .execute();
}

/** The ids of all keys that wrap something, each with something that it wrapped. */
export async function listWrappingKeys(
  db: Kysely<OwnerTables>,
): Promise<readonly { readonly keyId: string; readonly wrapped: Uint8Array }[]> {
  const found: { keyId: string; wrapped: Uint8Array }[] = [];
  for (let after = ""; ;) {
    const row = await db
      .selectFrom("owner_key")
      .select([sql<string>`key_id`.as("key"), sql<string>`encode(coalesce(chain, data), 'hex')`.as("wrapped")])
      .where("key_id", ">", after)
      .where(sql<boolean>`coalesce(chain, data) is not null`)
      .orderBy("key_id")
      .limit(1)
      .executeTakeFirst();
    if (row === undefined) return found;
    found.push({ keyId: row.key, wrapped: bytesFromHex(row.wrapped) });
    after = row.key;
  }
}
