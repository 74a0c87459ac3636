import { sql, type Kysely } from "kysely";
import type { OwnerTables } from "../../postgres/tables.ts";
import { bytesFromHex, hexFromBytes, recordset } from "../../postgres/values.ts";
import { wrappedFromRow, wrappedSelection, type WrappedKeys } from "./owner-keys.ts";

/** One generation of an owner's keys: what the key `keyId` has wrapped, or what another key has wrapped in its place. */
export interface RewrappedKeys extends Omit<WrappedKeys, "createdMs"> {
  readonly owner: string;
}

/** The next generations that another key than `currentId` wraps, by owner and generation, after the given one. */
export async function listKeysToWrap(
  db: Kysely<OwnerTables>,
  currentId: string,
  limit: number,
  after?: Pick<RewrappedKeys, "owner" | "generation">,
): Promise<readonly RewrappedKeys[]> {
  const rows = await db
    .selectFrom("owner_key")
    .select([...wrappedSelection, sql<string>`owner_id`.as("owner")])
    .where("key_id", "<>", currentId)
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(owner_id, generation) > (${after!.owner}::text, ${after!.generation}::int)`),
    )
    .orderBy("owner_id")
    .orderBy("generation")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ owner: row.owner, ...wrappedFromRow(row) }));
}

/**
 * Writes keys that were wrapped anew, in one statement. It leaves out rows that another run has wrapped meanwhile, and
 * brings back no data key that was destroyed meanwhile. Returns how many rows it wrote.
 */
export async function rewrapKeys(
  db: Kysely<OwnerTables>,
  currentId: string,
  keys: readonly RewrappedKeys[],
): Promise<number> {
  const rows = keys.map(({ owner, generation, keyId, data, chain }) => ({
    owner,
    generation,
    key: keyId,
    data: data && hexFromBytes(data),
    chain: chain && hexFromBytes(chain),
  }));
  const written = await db
    .updateTable("owner_key as kept")
    .from(recordset(rows, "owner text, generation int, key text, data text, chain text"))
    .set({
      key_id: currentId,
      data: sql<string>`case when kept.data is null then null else decode(given.data, 'hex') end`,
      chain: sql<string>`decode(given.chain, 'hex')`,
    })
    .whereRef("kept.owner_id", "=", "given.owner")
    .whereRef("kept.generation", "=", "given.generation")
    .whereRef("kept.key_id", "=", "given.key")
    .returning(sql<number>`1`.as("one"))
    .execute();
  return written.length;
}

/** The keys that wrap something, each with how much, and with one thing that it wrapped. */
export async function countWrappingKeys(
  db: Kysely<OwnerTables>,
): Promise<readonly { readonly keyId: string; readonly rows: number; readonly wrapped: Uint8Array }[]> {
  const rows = await db
    .selectFrom("owner_key")
    .select([
      sql<string>`key_id`.as("key"),
      sql<string>`count(*)::text`.as("count"),
      sql<string>`encode(min(coalesce(chain, data)), 'hex')`.as("wrapped"),
    ])
    .where(sql<boolean>`coalesce(chain, data) is not null`)
    .groupBy(sql`key_id`)
    .orderBy("key")
    .execute();
  return rows.map(({ key, count, wrapped }) => ({ keyId: key, rows: Number(count), wrapped: bytesFromHex(wrapped) }));
}
