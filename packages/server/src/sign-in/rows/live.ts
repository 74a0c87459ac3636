import { sql, type Kysely } from "kysely";
import type { DeviceBinding } from "../token/device-binding.ts";
import type { RotationState } from "../token/rotation.ts";
import { bytes, msOf, timeOf } from "../../postgres/values.ts";
import { bindingToBytes } from "./binding-bytes.ts";
import { rotationToBytes } from "./rotation-bytes.ts";
import { liveValues, sharedValues, signInFromRow, signInSelection } from "./row.ts";
import type { SignInWithHistoryHead } from "./stored-sign-in.ts";
import type { SignInTables } from "./tables.ts";

/** The table of live sign-ins. A row may be there although its deadline has passed. */

export async function loadLive(
  db: Kysely<SignInTables>,
  owner: string,
  id: string,
): Promise<SignInWithHistoryHead | null> {
  const row = await selectLive(db, owner, id).executeTakeFirst();
  return row ? signInFromRow(row) : null;
}

export async function lockLive(
  db: Kysely<SignInTables>,
  owner: string,
  id: string,
): Promise<SignInWithHistoryHead | null> {
  const row = await selectLive(db, owner, id).forUpdate().executeTakeFirst();
  return row ? signInFromRow(row) : null;
}

function selectLive(db: Kysely<SignInTables>, owner: string, id: string) {
  return db.selectFrom("sign_in").select(signInSelection).where("owner_id", "=", owner).where("id", "=", id);
}

/** Keeps a sign-in from ending until the transaction does. It may be touched meanwhile. False if it has ended. */
export async function holdLive(db: Kysely<SignInTables>, owner: string, id: string): Promise<boolean> {
  const row = await db
    .selectFrom("sign_in")
    .select("owner_id")
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .forKeyShare()
    .executeTakeFirst();
  return row !== undefined;
}

/** Loads and locks all sign-ins of an owner, in the order of their keys, so that two that lock them do not deadlock. */
export async function lockAllLive(db: Kysely<SignInTables>, owner: string): Promise<readonly SignInWithHistoryHead[]> {
  const rows = await db
    .selectFrom("sign_in")
    .select(signInSelection)
    .where("owner_id", "=", owner)
    .orderBy("id")
    .forUpdate()
    .execute();
  return rows.map(signInFromRow);
}

/** The position of a sign-in in the list of its owner's. */
export interface LivePosition {
  readonly sinceMs: number;
  readonly id: string;
}

/** A page of an owner's sign-ins, the newest first: those that began before `before`, with a deadline after `nowMs`. */
export async function listLive(
  db: Kysely<SignInTables>,
  owner: string,
  {
    limit,
    before,
    nowMs,
    epoch,
  }: {
    readonly limit: number;
    readonly before: LivePosition | null;
    readonly nowMs: number;
    readonly epoch: number;
  },
): Promise<readonly SignInWithHistoryHead[]> {
  let query = db
    .selectFrom("sign_in")
    .select(signInSelection)
    .where("owner_id", "=", owner)
    .where("ends_at", ">", timeOf(nowMs))
    .where("epoch", ">=", epoch);
  if (before !== null) {
    query = query.where(sql<boolean>`(since, id) < (${timeOf(before.sinceMs)}, ${before.id}::uuid)`);
  }
  const rows = await query.orderBy("since", "desc").orderBy("id", "desc").limit(limit).execute();
  return rows.map(signInFromRow);
}

export async function insertLive(db: Kysely<SignInTables>, signIn: SignInWithHistoryHead): Promise<void> {
  await db
    .insertInto("sign_in")
    .values({ ...sharedValues(signIn), ...liveValues(signIn), sweep_bucket: timeOf(bucketOf(signIn.endsMs)) })
    .execute();
}

/** Writes all of a sign-in that its transaction has locked. The sweep's bucket stays: it is early, never late. */
export async function updateLive(db: Kysely<SignInTables>, signIn: SignInWithHistoryHead): Promise<void> {
  const { owner_id: _owner, id: _id, ...values } = { ...sharedValues(signIn), ...liveValues(signIn) };
  await db
    .updateTable("sign_in")
    .set(values)
    .where("owner_id", "=", signIn.owner)
    .where("id", "=", signIn.id)
    .execute();
}

/** Writes the end of the history of a sign-in that its transaction has locked. */
export async function updateChain(db: Kysely<SignInTables>, signIn: SignInWithHistoryHead): Promise<void> {
  const { entry, hash } = sharedValues(signIn);
  await db
    .updateTable("sign_in")
    .set({ entry, hash })
    .where("owner_id", "=", signIn.owner)
    .where("id", "=", signIn.id)
    .execute();
}

/** Writes the next rotation state. False when another write came first, or when the sign-in has ended. */
export async function updateRotation(
  db: Kysely<SignInTables>,
  owner: string,
  id: string,
  rotation: RotationState,
): Promise<boolean> {
  const rows = await db
    .updateTable("sign_in")
    .set({ rotation: bytes(rotationToBytes(rotation)), revision: rotation.revision })
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .where("revision", "=", rotation.revision - 1)
    .returning("revision")
    .execute();
  return rows.length === 1;
}

/** Writes a device binding in place of `before`. False when another write came first, or when the sign-in has ended. */
export async function updateBinding(
  db: Kysely<SignInTables>,
  { owner, id }: SignInKey,
  before: DeviceBinding,
  after: DeviceBinding,
): Promise<boolean> {
  const rows = await db
    .updateTable("sign_in")
    .set({ binding: bytes(bindingToBytes(after)) })
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .where(sql<boolean>`binding = ${bytes(bindingToBytes(before))}`)
    .returning("revision")
    .execute();
  return rows.length === 1;
}

export async function deleteLive(db: Kysely<SignInTables>, owner: string, id: string): Promise<void> {
  await db.deleteFrom("sign_in").where("owner_id", "=", owner).where("id", "=", id).execute();
}

/** The key of a row, for work over many owners. */
export interface SignInKey {
  readonly owner: string;
  readonly id: string;
}

/** Sign-ins of any owner whose deadline has passed at `nowMs`. Those with the oldest hour come first. */
export async function listDue(db: Kysely<SignInTables>, nowMs: number, limit: number): Promise<readonly SignInKey[]> {
  const rows = await db
    .selectFrom("sign_in")
    .select(keySelection)
    .where("sweep_bucket", "<=", timeOf(bucketOf(nowMs)))
    .where("ends_at", "<=", timeOf(nowMs))
    .orderBy("sweep_bucket")
    .limit(limit)
    .execute();
  return rows.map(({ owner, signin }) => ({ owner, id: signin }));
}

/** Sign-ins of any owner whose bucket has passed at `nowMs`, and whose deadline has not: they were used meanwhile. */
export async function listOutOfBucket(
  db: Kysely<SignInTables>,
  nowMs: number,
  limit: number,
): Promise<readonly (SignInKey & { readonly endsMs: number })[]> {
  const rows = await db
    .selectFrom("sign_in")
    .select([...keySelection, msOf("ends_at").as("ends")])
    .where("sweep_bucket", "<", timeOf(bucketOf(nowMs)))
    .where("ends_at", ">", timeOf(nowMs))
    .orderBy("sweep_bucket")
    .limit(limit)
    .execute();
  return rows.map(({ owner, signin, ends }) => ({ owner, id: signin, endsMs: Number(ends) }));
}

/** Has the sweep look at a sign-in in the hour of this deadline. */
export async function moveBucket(db: Kysely<SignInTables>, { owner, id }: SignInKey, endsMs: number): Promise<void> {
  await db
    .updateTable("sign_in")
    .set({ sweep_bucket: timeOf(bucketOf(endsMs)) })
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .execute();
}

/** Owners after `after` who have sign-ins of an earlier epoch, in order. */
export async function listOwnersBefore(
  db: Kysely<SignInTables>,
  epoch: number,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("sign_in")
    .select(sql<string>`owner_id`.as("owner"))
    .distinct()
    .where("owner_id", ">", after)
    .where("epoch", "<", epoch)
    .orderBy("owner_id")
    .limit(limit)
    .execute();
  return rows.map(({ owner }) => owner);
}

const keySelection = [sql<string>`owner_id`.as("owner"), sql<string>`id::text`.as("signin")] as const;

const HOUR_MS = 3_600_000;

/** The start of a moment's hour. */
export function bucketOf(atMs: number): number {
  return Math.floor(atMs / HOUR_MS) * HOUR_MS;
}
