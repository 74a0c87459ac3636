import { sql, type InferResult, type Kysely, type Selectable, type Updateable } from "kysely";
import { msOf, timeOf } from "../../../postgres/values.ts";
import type { HandOffRequestTable, SignInTables } from "../tables.ts";

/** Requests of devices on which nobody is signed in. Each has a row of its own, by its id: it has no owner yet. */

/** The session that is handed over, and its step. */
export interface HandOffTarget {
  readonly session: string;
  readonly flow: string;
  /** The step at which the session was; null if it had none. */
  readonly step: string | null;
}

export interface NewHandOffRequest {
  readonly id: string;
  readonly publicKey: string;
  readonly challenge: string;
  readonly number: number;
  readonly choices: readonly number[];
  readonly device: string;
  readonly place: string | null;
  readonly addressHash: string | null;
  readonly askedMs: number;
  readonly expiresMs: number;
}

export interface HandOffRequest extends Omit<NewHandOffRequest, "addressHash"> {
  /** Who approved it, from which sign-in, and for what; null before. */
  readonly approval: { readonly owner: string; readonly by: string; readonly handed: HandOffTarget } | null;
  /** The public id of the guest that it let in. */
  readonly guest: string | null;
  /** Whether it was declined, answered wrongly, or used by two devices. */
  readonly over: boolean;
}

export async function insertRequest(db: Kysely<SignInTables>, request: NewHandOffRequest): Promise<void> {
  await db
    .insertInto("hand_off_request")
    .values({
      id: request.id,
      public_key: request.publicKey,
      challenge: request.challenge,
      number: request.number,
      choices: request.choices.join(" "),
      device: request.device,
      place: request.place,
      address_hash: request.addressHash,
      asked_at: timeOf(request.askedMs),
      expires_at: timeOf(request.expiresMs),
      over: false,
    })
    .execute();
}

export async function loadRequest(db: Kysely<SignInTables>, id: string): Promise<HandOffRequest | null> {
  const row = await selectRequest(db, id).executeTakeFirst();
  return row ? requestFromRow(row) : null;
}

export async function lockRequest(db: Kysely<SignInTables>, id: string): Promise<HandOffRequest | null> {
  const row = await selectRequest(db, id).forUpdate().executeTakeFirst();
  return row ? requestFromRow(row) : null;
}

function selectRequest(db: Kysely<SignInTables>, id: string) {
  return db
    .selectFrom("hand_off_request")
    .select([
      "id",
      sql<string>`public_key`.as("publickey"),
      "challenge",
      "number",
      "choices",
      "device",
      "place",
      ms("asked_at"),
      ms("expires_at"),
      sql<string | null>`owner_id`.as("owner"),
      sql<string | null>`approved_by::text`.as("approvedby"),
      sql<string | null>`session_id::text`.as("sessionid"),
      "flow",
      "step",
      sql<string | null>`guest_id::text`.as("guest"),
      "over",
    ])
    .where("id", "=", id);
}

type RequestRow = InferResult<ReturnType<typeof selectRequest>>[number];

function requestFromRow(row: RequestRow): HandOffRequest {
  const { owner, approvedby, sessionid, flow, step } = row;
  return {
    id: row.id,
    publicKey: row.publickey,
    challenge: row.challenge,
    number: Number(row.number),
    choices: row.choices.split(" ").map(Number),
    device: row.device,
    place: row.place,
    askedMs: Number(row.askedatms),
    expiresMs: Number(row.expiresatms),
    // The columns of an approval are written together.
    approval: owner === null ? null : { owner, by: approvedby!, handed: { session: sessionid!, flow: flow!, step } },
    guest: row.guest,
    over: row.over,
  };
}

/** Approves a request that nobody has answered yet. False if somebody has, or if it has expired. */
export function approveRequest(
  db: Kysely<SignInTables>,
  id: string,
  { owner, by, handed }: NonNullable<HandOffRequest["approval"]>,
  { nowMs, expiresMs }: { readonly nowMs: number; readonly expiresMs: number },
): Promise<boolean> {
  const { session, flow, step } = handed;
  const approval = { owner_id: owner, approved_by: by, session_id: session, flow, step };
  return updateUnapproved(db, id, { ...approval, expires_at: timeOf(expiresMs) }, nowMs);
}

/** Ends a request that nobody has approved. False if there is no such one. */
export function endUnapproved(db: Kysely<SignInTables>, id: string, nowMs: number): Promise<boolean> {
  return updateUnapproved(db, id, { over: true }, nowMs);
}

async function updateUnapproved(
  db: Kysely<SignInTables>,
  id: string,
  change: Updateable<HandOffRequestTable>,
  nowMs: number,
): Promise<boolean> {
  const rows = await db
    .updateTable("hand_off_request")
    .set(change)
    .where("id", "=", id)
    .where("owner_id", "is", null)
    .where("over", "=", false)
    .where("expires_at", ">", timeOf(nowMs))
    .returning("id")
    .execute();
  return rows.length === 1;
}

/** Writes what a locked request has led to. */
export async function updateRequest(
  db: Kysely<SignInTables>,
  id: string,
  change: Partial<Pick<Selectable<HandOffRequestTable>, "guest_id" | "over">>,
): Promise<void> {
  await db.updateTable("hand_off_request").set(change).where("id", "=", id).execute();
}

/** Whether at least `count` requests are live: of one address, or of all. */
export async function hasLiveRequests(
  db: Kysely<SignInTables>,
  count: number,
  nowMs: number,
  addressHash?: string,
): Promise<boolean> {
  let query = db.selectFrom("hand_off_request").select("id").where("expires_at", ">", timeOf(nowMs));
  if (addressHash !== undefined) query = query.where("address_hash", "=", addressHash);
  const rows = await query
    .offset(count - 1)
    .limit(1)
    .execute();
  return rows.length > 0;
}

/** Deletes some requests that expired before a time. Tells how many. */
export async function deleteOldRequests(db: Kysely<SignInTables>, beforeMs: number, limit: number): Promise<number> {
  const rows = await db
    .selectFrom("hand_off_request")
    .select("id")
    .where("expires_at", "<", timeOf(beforeMs))
    .limit(limit)
    .execute();
  for (const { id } of rows) await db.deleteFrom("hand_off_request").where("id", "=", id).execute();
  return rows.length;
}

function ms<Column extends "asked_at" | "expires_at">(column: Column) {
  const name = `${column.replaceAll("_", "")}ms` as Column extends "asked_at" ? "askedatms" : "expiresatms";
  return msOf(column).as(name);
}
