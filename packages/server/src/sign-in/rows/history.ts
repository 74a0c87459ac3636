import { sql, type Kysely, type RawBuilder } from "kysely";
import { chainHash } from "../../postgres/chain-hash.ts";
import { bytes, bytesFromHex, json, time, timeOf } from "../../postgres/values.ts";
import type { SignInWithHistoryHead } from "./stored-sign-in.ts";
import type { HistoryKind, SignInTables } from "./tables.ts";

/** What an entry of the history says. */
export interface SignInHistoryBody {
  /** The public id. */
  readonly signIn: string;
  readonly entry: number;
  readonly kind: HistoryKind;
  readonly at: string;
  /** The revision of the sign-in's rotation. */
  readonly revision: number;
  readonly device: string;
  readonly place: string | null;
  readonly factors: readonly string[];
  /** The sign-in that caused it, by its public id. */
  readonly by: string | null;
  /** The kind of the signal; null for another entry. */
  readonly signal: string | null;
}

export interface SignInHistoryEntry {
  readonly number: number;
  /** Covers `text` and the hash before it. */
  readonly hash: Uint8Array;
  readonly body: SignInHistoryBody;
  /** The body as JSON, as it is stored. */
  readonly text: string;
}

/** The next entry of a sign-in's history, and the sign-in with it. */
export function addEntry(
  signIn: SignInWithHistoryHead,
  kind: HistoryKind,
  atMs: number,
  { by = null, signal = null }: { readonly by?: string | null; readonly signal?: string | null } = {},
): { readonly signIn: SignInWithHistoryHead; readonly entry: SignInHistoryEntry } {
  const { id, device, place, factors, rotation } = signIn;
  const number = signIn.lastEntry + 1;
  const at = new Date(atMs).toISOString();
  const body: SignInHistoryBody = {
    signIn: id,
    entry: number,
    kind,
    at,
    revision: rotation.revision,
    device,
    place,
    factors,
    by,
    signal,
  };
  const text = JSON.stringify(body);
  const hash = chainHash(signIn.lastHash, text);
  return { signIn: { ...signIn, lastEntry: number, lastHash: hash }, entry: { number, hash, body, text } };
}

export function insertEntry(db: Kysely<SignInTables>, owner: string, entry: SignInHistoryEntry): Promise<void> {
  return insert(db, owner, entry, sql<boolean>`false`);
}

/** Inserts an entry by which other nodes learn that their cached copy of the sign-in is wrong. */
export function insertInvalidation(db: Kysely<SignInTables>, owner: string, entry: SignInHistoryEntry): Promise<void> {
  return insert(db, owner, entry, sql<boolean>`true`);
}

async function insert(
  db: Kysely<SignInTables>,
  owner: string,
  entry: SignInHistoryEntry,
  invalidates: RawBuilder<boolean>,
): Promise<void> {
  const { number, hash, body, text } = entry;
  await db
    .insertInto("sign_in_event")
    .values({
      owner_id: owner,
      sign_in_id: body.signIn,
      entry: number,
      at: time(body.at),
      invalidates: invalidates,
      body: json(text),
      hash: bytes(hash),
    })
    .execute();
}

/** The history of one sign-in, from its start. */
export async function loadSignInHistory(
  db: Kysely<SignInTables>,
  owner: string,
  id: string,
): Promise<readonly SignInHistoryEntry[]> {
  const rows = await db
    .selectFrom("sign_in_event")
    .select(entrySelection)
    .where("owner_id", "=", owner)
    .where("sign_in_id", "=", id)
    .orderBy("entry")
    .execute();
  return rows.map(entryFromRow);
}

/** The position of an entry among those of its owner. */
export interface HistoryPosition {
  readonly at: string;
  readonly signIn: string;
  readonly entry: number;
}

/** The newest entries of an owner's sign-ins: those before `before`. */
export async function listHistory(
  db: Kysely<SignInTables>,
  owner: string,
  { limit, before }: { readonly limit: number; readonly before: HistoryPosition | null },
): Promise<readonly SignInHistoryEntry[]> {
  let query = db.selectFrom("sign_in_event").select(entrySelection).where("owner_id", "=", owner);
  if (before !== null) {
    query = query.where(
      sql<boolean>`(at, sign_in_id, entry) < (${time(before.at)}, ${before.signIn}::uuid, ${before.entry}::integer)`,
    );
  }
  const rows = await query
    .orderBy("at", "desc")
    .orderBy("sign_in_id", "desc")
    .orderBy("entry", "desc")
    .limit(limit)
    .execute();
  return rows.map(entryFromRow);
}

/** An entry after which an older copy of the sign-in is wrong. */
export interface Invalidation {
  readonly owner: string;
  readonly id: string;
  /** The first revision of the sign-in that is right; infinite if it has ended. */
  readonly revision: number;
}

/** The invalidating entries of any owner from `sinceMs` on: a page of them, the oldest first. */
export async function listInvalidations(
  db: Kysely<SignInTables>,
  sinceMs: number,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<readonly Invalidation[]> {
  const rows = await db
    .selectFrom("sign_in_event")
    .select([
      sql<string>`owner_id`.as("owner"),
      sql<string>`sign_in_id::text`.as("signin"),
      sql<string>`body->>'kind'`.as("kind"),
      sql<string>`body->>'revision'`.as("version"),
    ])
    .where(sql<boolean>`invalidates`)
    .where("at", ">=", timeOf(sinceMs))
    .orderBy("at")
    .orderBy("owner_id")
    .orderBy("sign_in_id")
    .orderBy("entry")
    .limit(limit)
    .offset(offset)
    .execute();
  return rows.map(({ owner, signin, kind, version }) => ({
    owner,
    id: signin,
    revision: kind === "proved" || kind === "bound" ? Number(version) : Infinity,
  }));
}

/** The number of the first entry that does not follow from the one before it; null when all do. */
export function firstBrokenEntry(history: readonly SignInHistoryEntry[]): number | null {
  let before: Uint8Array | null = null;
  for (const [index, { number, hash, body, text }] of history.entries()) {
    before = chainHash(before, text);
    if (number !== index + 1 || body.entry !== number || Buffer.compare(before, hash) !== 0) return index + 1;
  }
  return null;
}

const entrySelection = [
  "entry",
  sql<string>`encode(hash, 'hex')`.as("hashbytes"),
  sql<string>`body::text`.as("json"),
] as const;

function entryFromRow({
  entry,
  hashbytes,
  json: text,
}: {
  entry: number;
  hashbytes: string;
  json: string;
}): SignInHistoryEntry {
  // The body was written by this package, as HistoryBody.
  return { number: Number(entry), hash: bytesFromHex(hashbytes), body: JSON.parse(text) as SignInHistoryBody, text };
}
