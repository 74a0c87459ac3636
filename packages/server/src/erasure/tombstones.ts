import { sql, type Kysely, type Transaction } from "kysely";
import type { FeedSource } from "../projections/source.ts";
import { isoTextOf, time } from "../postgres/values.ts";
import type { ErasureTables } from "./tables.ts";

/** That an owner was erased. It is kept, so that a restored backup can be erased again. */
export interface Tombstone {
  readonly owner: string;
  /** 1, 2, …: an owner may come back, and be erased again. */
  readonly number: number;
  /** When the erasure ended, as ISO 8601. */
  readonly at: string;
}

/** An owner was erased: an entry of {@link erasures}. */
export interface Erasure {
  readonly owner: string;
}

const PAGE_SIZE = 1_000;

/**
 * The erasures of owners, as the source of a projection. An application deletes what it keeps of the owner.
 *
 * @example
 * project(erasures(), { name: "erased_accounts", version: 1, handle: ({ owner }, { tx }) => deleteAccount(tx, owner) })
 */
export function erasures(): FeedSource<Erasure> {
  return {
    name: "erasures",
    table: "erasure",
    stream: "owner_id",
    number: "number",
    at: "at",
    key: { owner_id: "text", number: "integer" },
    body: "''",
    read: ({ owner }) => ({ owner }),
  };
}

/** Notes that an erasure begins. If it is interrupted, the next one ends it. Gives whether an earlier one was interrupted. */
export async function noteBegin(
  db: Kysely<ErasureTables>,
  schema: string,
  owner: string,
  at: string,
): Promise<boolean> {
  const noted = await db
    .withSchema(schema)
    .insertInto("erasure_begun")
    .values({ owner_id: owner, at: time(at) })
    .onConflict((conflict) => conflict.column("owner_id").doNothing())
    .returning("owner_id")
    .executeTakeFirst();
  return noted === undefined;
}

/**
 * Keeps that an erasure has ended: `didErase`, or it is the owner's first. One that found nothing is no other erasure. The
 * owner's row is locked.
 */
export async function noteEnd(
  tx: Transaction<ErasureTables>,
  schema: string,
  owner: string,
  at: string,
  { didErase, given }: { readonly didErase: boolean; readonly given?: Tombstone | undefined },
): Promise<void> {
  const own = tx.withSchema(schema);
  await own.deleteFrom("erasure_begun").where("owner_id", "=", owner).execute();
  const last = await own
    .selectFrom("erasure")
    .select((select) => select.fn.max("number").as("number"))
    .where("owner_id", "=", owner)
    .executeTakeFirst();
  const before = Number(last?.number ?? 0);
  if (before > 0 && !didErase && given === undefined) return;
  await own
    .insertInto("erasure")
    .values({ owner_id: owner, number: given?.number ?? before + 1, at: time(given?.at ?? at) })
    .onConflict((conflict) => conflict.columns(["owner_id", "number"]).doNothing())
    .execute();
}

/** Whether an owner is being erased, or was erased after this moment. */
export async function isErasedSince(
  db: Kysely<Pick<ErasureTables, "erasure" | "erasure_begun">>,
  owner: string,
  since: string,
): Promise<boolean> {
  const begun = db.selectFrom("erasure_begun").select("owner_id").where("owner_id", "=", owner);
  const ended = db.selectFrom("erasure").select("owner_id").where("owner_id", "=", owner).where("at", ">", time(since));
  return (await begun.unionAll(ended).limit(1).executeTakeFirst()) !== undefined;
}

export async function hasTombstone(
  db: Kysely<ErasureTables>,
  schema: string,
  { owner, number }: Pick<Tombstone, "owner" | "number">,
): Promise<boolean> {
  const row = await db
    .withSchema(schema)
    .selectFrom("erasure")
    .select("number")
    .where("owner_id", "=", owner)
    .where("number", "=", number)
    .executeTakeFirst();
  return row !== undefined;
}

/** All tombstones, by owner. */
export async function* listTombstones(
  db: Kysely<ErasureTables>,
  schema: string,
): AsyncGenerator<Tombstone, void, undefined> {
  for (let after = { owner: "", number: 0 }; ;) {
    const rows = await db
      .withSchema(schema)
      .selectFrom("erasure")
      .select([sql<string>`owner_id`.as("owner"), "number", isoTextOf("at").as("moment")])
      .where(sql<boolean>`(owner_id, number) > (${after.owner}, ${after.number}::integer)`)
      .orderBy("owner_id")
      .orderBy("number")
      .limit(PAGE_SIZE)
      .execute();
    for (const { owner, number, moment } of rows) yield { owner, number: Number(number), at: moment };
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_SIZE) return;
    after = { owner: last.owner, number: Number(last.number) };
  }
}
