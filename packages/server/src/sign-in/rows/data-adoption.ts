import { sql, type Transaction } from "kysely";
import { recordset, time } from "../../postgres/values.ts";
import { OF_OWNER, OF_VISITOR } from "./data.ts";
import { deleteConflicts, MAX_CONFLICTS } from "./data-conflicts.ts";
import type { SignInTables, VisitDataTable } from "./tables.ts";

// All values of a visitor, given to an owner. No value leaves the database: digests tell which ones are the same.

/** Whose values move to whom. */
export interface DataMove {
  readonly visitor: string;
  readonly owner: string;
  /** The public id of the sign-in that gets the visitor's values per sign-in. */
  readonly signIn: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Every column of a value that moves. A column that is missing here does not compile: its values would be lost. */
export const movedDataColumns = {
  owner_id: "given",
  sign_in_id: "given",
  key: "kept",
  version: "given",
  value: "kept",
  change_id: "kept",
  changed_at: "kept",
  // An owner's value does not expire.
  expires_at: "given",
} as const satisfies Readonly<Record<keyof VisitDataTable, "kept" | "given">>;

interface Digested {
  readonly key: string;
  /** The id in the place of a sign-in. */
  readonly place: string;
  readonly version: number;
  /** The same for the same JSON; null if there is no value. */
  readonly digest: string | null;
}

/** A visitor's value, and the place that it moves to. */
interface Brought {
  readonly key: string;
  readonly digest: string;
  readonly from: string;
  readonly place: string;
}

/** The same for SQL. `given_version`: the number of the row that it becomes, if it becomes one. */
interface GivenRow {
  readonly given_key: string;
  readonly given_from: string;
  readonly given_place: string;
  readonly given_version?: number;
}

/**
 * Moves a visitor's values. One that the owner has too, and not the same, waits beside the owner's. The transaction has
 * locked the owner and the visitor, so nothing else moves values to this owner, or changes one of the visitor's.
 */
export async function moveData(tx: Transaction<SignInTables>, move: DataMove): Promise<void> {
  const { visitor, signIn } = move;
  const found = await lockDigests(tx, visitor);
  if (found.length === 0) return;
  let left = found.flatMap(({ key, digest, place }): readonly Brought[] =>
    digest === null ? [] : [{ key, digest, from: place, place: place === OF_VISITOR ? signIn : OF_OWNER }],
  );
  while (left.length > 0) {
    const own = await lockDigests(
      tx,
      move.owner,
      left.map(({ key }) => key),
    );
    const ownOf = (one: Brought) => own.find(({ key, place }) => key === one.key && place === one.place);
    const free = left.filter((one) => (ownOf(one)?.digest ?? null) === null);
    await keepBeside(
      tx,
      move,
      left.filter((one) => !free.includes(one) && ownOf(one)?.digest !== one.digest),
    );
    const moved = await insertMoved(tx, move, free, own);
    // The owner has set the others for the first time since they were looked at.
    left = free.filter(({ key, place }) => !moved.some((row) => row.key === key && row.place === place));
  }
  await tx.deleteFrom("visit_data").where("owner_id", "=", visitor).execute();
}

const placeSelection = sql<string>`sign_in_id::text`.as("place");
const digestOfValue = sql<string | null>`encode(sha256(convert_to(value::jsonb::text, 'UTF8')), 'hex')`;

/** Locks values of an owner, in the order of their keys, so that two that lock them do not deadlock. */
async function lockDigests(
  tx: Transaction<SignInTables>,
  owner: string,
  keys?: readonly string[],
): Promise<readonly Digested[]> {
  const rows = await tx
    .selectFrom("visit_data")
    .select(["key", placeSelection, sql<string>`version::text`.as("number"), digestOfValue.as("digest")])
    .where("owner_id", "=", owner)
    .$if(keys !== undefined, (query) => query.where("key", "in", keys!))
    .orderBy("sign_in_id")
    .orderBy("key")
    .forUpdate()
    .execute();
  return rows.map(({ number, ...row }) => ({ ...row, version: Number(number) }));
}

/** Inserts values that the owner does not have. Gives those that it inserted. */
async function insertMoved(
  tx: Transaction<SignInTables>,
  move: DataMove,
  free: readonly Brought[],
  own: readonly Digested[],
) {
  if (free.length === 0) return [];
  const { owner } = move;
  const given = free.map(({ key, from, place }) => {
    const removed = own.find((row) => row.key === key && row.place === place);
    return { given_key: key, given_from: from, given_place: place, given_version: (removed?.version ?? 0) + 1 };
  });
  for (const { given_key: key, given_place: place, given_version: version } of given) {
    if (version === 1) continue;
    await tx
      .deleteFrom("visit_data")
      .where("owner_id", "=", owner)
      .where("sign_in_id", "=", place)
      .where("key", "=", key)
      .execute();
  }
  return tx
    .insertInto("visit_data")
    .columns(["owner_id", "sign_in_id", "key", "version", "value", "change_id", "changed_at"])
    .expression(
      selectMoved(tx, move, given).select([
        sql<number>`given.given_version`.as("version"),
        "visit_data.value",
        "visit_data.change_id",
        "visit_data.changed_at",
      ]),
    )
    .onConflict((conflict) => conflict.columns(["owner_id", "sign_in_id", "key"]).doNothing())
    .returning(["key", placeSelection])
    .execute();
}

/** Keeps values beside those of the owner, unless the same one waits there already. */
async function keepBeside(tx: Transaction<SignInTables>, move: DataMove, brought: readonly Brought[]): Promise<void> {
  if (brought.length === 0) return;
  const { owner } = move;
  const waiting = await tx
    .selectFrom("visit_data_conflict")
    .select(["key", placeSelection, "visitor_id as id", digestOfValue.as("digest")])
    .where("owner_id", "=", owner)
    .where(
      "key",
      "in",
      brought.map(({ key }) => key),
    )
    .orderBy("adopted_at")
    .orderBy("visitor_id")
    .execute();
  const given: GivenRow[] = [];
  for (const { key, from, place, digest } of brought) {
    const beside = waiting.filter((row) => row.key === key && row.place === place);
    if (beside.some((row) => row.digest === digest)) continue;
    given.push({ given_key: key, given_from: from, given_place: place });
    const signIn = place === OF_OWNER ? null : place;
    const oldest = beside.slice(0, Math.max(0, beside.length + 1 - MAX_CONFLICTS));
    await deleteConflicts(
      tx,
      { owner, signIn, key },
      oldest.map(({ id }) => id),
    );
  }
  if (given.length === 0) return;
  await tx
    .insertInto("visit_data_conflict")
    .columns(["owner_id", "sign_in_id", "key", "visitor_id", "value", "adopted_at"])
    .expression(
      selectMoved(tx, move, given).select([
        "visit_data.owner_id as visitor_id",
        // The column is not null where a value is brought.
        sql<string>`visit_data.value`.as("value"),
        time(move.at).as("adopted_at"),
      ]),
    )
    .execute();
}

/** The rows of the visitor's values that these name, with the owner and the place that they move to. */
function selectMoved(tx: Transaction<SignInTables>, { visitor, owner }: DataMove, given: readonly GivenRow[]) {
  const columns = "given_key text, given_from uuid, given_place uuid, given_version integer";
  return tx
    .selectFrom("visit_data")
    .innerJoin(recordset(given, columns), (join) =>
      join.onRef("given.given_key", "=", "visit_data.key").onRef("given.given_from", "=", "visit_data.sign_in_id"),
    )
    .select([sql<string>`${owner}::text`.as("owner_id"), "given.given_place as sign_in_id", "visit_data.key"])
    .where("visit_data.owner_id", "=", visitor);
}
