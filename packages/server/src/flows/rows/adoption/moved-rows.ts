import { sql, type Transaction } from "kysely";
import type { Device } from "@sessions/core/internal";
import type { AdoptedVisitor, EntryBudget } from "../../../postgres/adoption.ts";
import { writeCount } from "../../../postgres/owner.ts";
import { bytesFromHex, hexFromBytes, recordset, LEAST_ID } from "../../../postgres/values.ts";
import { changedCount, loadCount } from "../../../secrets/rows/session-counts.ts";
import { insertHistoryEntries, selectBegun } from "../history/history.ts";
import { revisionSelection, type SessionRevision } from "../row.ts";
import { encodeEntry, type HistoryEntry } from "../history/history-entry.ts";
import { resealSessions, type Resealing } from "../resealing.ts";
import { keptColumns } from "./moved-columns.ts";
import type { Tables } from "../tables.ts";

// All rows of a visitor, given to an owner. Owners are on different shards of a distributed Postgres, so a row is inserted
// for the owner and then deleted: no row changes its owner. Only the ids, hashes and devices of sessions leave the database.
//
// `resealingNow` is asked after the rows were read: a node that seals makes the visitor's keys first, and maybe a moment ago.

/** How many sessions one statement moves. */
const BATCH_SIZE = 200;

/**
 * Moves active sessions as far as the budget reaches, each to its next revision, with an entry in its history. Gives their
 * revisions, and whether there are more. It waits for writers that have a session's row; those that come later do not find
 * it.
 */
export async function moveActive(
  tx: Transaction<Tables>,
  adopted: AdoptedVisitor & { readonly at: string },
  budget: EntryBudget,
  resealingNow: () => Promise<Resealing>,
): Promise<{ readonly sessions: readonly SessionRevision[]; readonly hasRest: boolean }> {
  const { visitor, owner } = adopted;
  const moved: SessionRevision[] = [];
  for (let after = LEAST_ID; ;) {
    const rows = await tx
      .selectFrom("session")
      .select([
        ...revisionSelection,
        "flow",
        "version",
        "entry",
        sql<string>`encode(hash, 'hex')`.as("hashbytes"),
        sql<string>`(state -> 'device')::text`.as("device"),
      ])
      .where("owner_id", "=", visitor)
      .where("id", ">", after)
      .orderBy("id")
      .limit(BATCH_SIZE)
      .forUpdate()
      .execute();
    const free = await withoutTaken(tx, owner, rows);
    const taken = budget.take(free);
    const ids = taken.map(({ session }) => session);
    if (ids.length > 0) {
      const resealing = await resealingNow();
      const entries = taken.map((row) => adoptedEntry(row, adopted, resealing));
      await insertMovedActive(tx, adopted, entries);
      await moveHistory(tx, adopted, ids);
      await insertHistoryEntries(tx, owner, entries);
      await tx.deleteFrom("session").where("owner_id", "=", visitor).where("id", "in", ids).execute();
      await moveCounts(tx, adopted, ids, resealing);
      await resealSessions(tx, "session", ids, resealing);
      moved.push(...entries.map(({ body }) => ({ id: body.session, revision: body.revision })));
    }
    const last = rows.at(-1);
    if (taken.length < free.length) return { sessions: moved, hasRest: true };
    if (last === undefined || rows.length < BATCH_SIZE) return { sessions: moved, hasRest: false };
    after = last.session;
  }
}

/**
 * Moves ended sessions as far as the budget reaches, and as they are: their histories have ended too. Tells whether there
 * are more.
 */
export async function moveEnded(
  tx: Transaction<Tables>,
  adopted: AdoptedVisitor,
  budget: EntryBudget,
  resealingNow: () => Promise<Resealing>,
): Promise<boolean> {
  const { visitor, owner } = adopted;
  for (let after = LEAST_ID; ;) {
    const rows = await tx
      .selectFrom("session_archive")
      .select([...revisionSelection, "entry"])
      .where("owner_id", "=", visitor)
      .where("id", ">", after)
      .orderBy("id")
      .limit(BATCH_SIZE)
      .execute();
    const free = await withoutTaken(tx, owner, rows);
    const ids = budget.take(free).map(({ session }) => session);
    if (ids.length > 0) {
      const resealing = await resealingNow();
      const columns = keptColumns("session_archive");
      await tx
        .insertInto("session_archive")
        .columns(["owner_id", ...columns])
        .expression((from) =>
          from
            .selectFrom("session_archive")
            .select([ownerLiteral(owner), ...columns])
            .where("owner_id", "=", visitor)
            .where("id", "in", ids),
        )
        .execute();
      await moveHistory(tx, adopted, ids);
      await tx.deleteFrom("session_archive").where("owner_id", "=", visitor).where("id", "in", ids).execute();
      await moveCounts(tx, adopted, ids, resealing);
      await resealSessions(tx, "session_archive", ids, resealing);
    }
    const last = rows.at(-1);
    if (ids.length < free.length) return true;
    if (last === undefined || rows.length < BATCH_SIZE) return false;
    after = last.session;
  }
}

/** Moves the devices. One that the owner has already stays as the owner's. */
export async function moveDevices(tx: Transaction<Tables>, { visitor, owner }: AdoptedVisitor): Promise<void> {
  const columns = keptColumns("device");
  await tx
    .insertInto("device")
    .columns(["owner_id", ...columns])
    .expression((from) =>
      from
        .selectFrom("device")
        .select([ownerLiteral(owner), ...columns])
        .where("owner_id", "=", visitor),
    )
    .onConflict((conflict) => conflict.columns(["owner_id", "id"]).doNothing())
    .execute();
  await tx.deleteFrom("device").where("owner_id", "=", visitor).execute();
}

const ownerLiteral = (owner: string) => sql<string>`${owner}::text`.as("owner_id");

/**
 * The rows of sessions whose ids the owner has no session of. Only somebody who knows an owner's id of a session can choose the same one for
 * a visitor's: such a session stays the visitor's, where nobody finds it, and the owner's stays as it is.
 */
async function withoutTaken<Row extends { readonly session: string }>(
  tx: Transaction<Tables>,
  owner: string,
  found: readonly Row[],
): Promise<readonly Row[]> {
  if (found.length === 0) return [];
  const ids = found.map(({ session }) => session);
  const taken = new Set<string>();
  for (const table of ["session", "session_archive"] as const) {
    const rows = await tx
      .selectFrom(table)
      .select(revisionSelection)
      .where("owner_id", "=", owner)
      .where("id", "in", ids)
      .execute();
    for (const { session } of rows) taken.add(session);
  }
  return found.filter(({ session }) => !taken.has(session));
}

interface LockedRow {
  readonly session: string;
  readonly revision: number;
  readonly flow: string;
  readonly version: number;
  readonly entry: number;
  readonly hashbytes: string;
  readonly device: string;
}

function adoptedEntry(
  { session, revision, flow, version, entry, hashbytes, device }: LockedRow,
  { visitor, at }: AdoptedVisitor & { readonly at: string },
  { from }: Pick<Resealing, "from">,
): HistoryEntry {
  // Written by this package: devices are clear.
  const { id, name } = JSON.parse(device) as Device;
  return encodeEntry(from, bytesFromHex(hashbytes), {
    body: {
      session,
      flow,
      version: Number(version),
      status: "active",
      entry: Number(entry) + 1,
      revision: Number(revision) + 1,
      command: null,
      at,
      device: id,
      current: null,
      change: { kind: "adopt", from: visitor },
    },
    content: { device: name },
    secret: [],
  });
}

async function insertMovedActive(
  tx: Transaction<Tables>,
  { visitor, owner }: AdoptedVisitor,
  entries: readonly HistoryEntry[],
): Promise<void> {
  const given = entries.map(({ number, hash, body: { session, revision } }) => ({
    given_id: session,
    given_revision: revision,
    given_entry: number,
    given_hash: hexFromBytes(hash),
  }));
  const columns = keptColumns("session");
  await tx
    .insertInto("session")
    .columns(["owner_id", ...columns, "revision", "entry", "hash"])
    .expression((from) =>
      from
        .selectFrom("session")
        .innerJoin(
          recordset(given, "given_id uuid, given_revision integer, given_entry integer, given_hash text"),
          "given.given_id",
          "session.id",
        )
        .select([
          ownerLiteral(owner),
          ...columns,
          "given_revision as revision",
          "given_entry as entry",
          sql<string>`decode(given_hash, 'hex')`.as("hash"),
        ])
        .where("owner_id", "=", visitor),
    )
    .execute();
}

/** Counts sessions for the owner who has adopted them, and no longer for the visitor. Both rows are locked. */
async function moveCounts(
  tx: Transaction<Tables>,
  { visitor, owner }: AdoptedVisitor,
  ids: readonly string[],
  { from, to }: Resealing,
): Promise<void> {
  const begun = await selectBegun(tx, owner).where("session_id", "in", ids).execute();
  for (const { id, cipher, sign } of [
    { id: visitor, cipher: from, sign: -1 },
    { id: owner, cipher: to, sign: 1 },
  ] as const) {
    const count = changedCount(cipher, id, await loadCount(tx, id), begun, sign);
    if (count !== null) await writeCount(tx, id, count);
  }
}

async function moveHistory(
  tx: Transaction<Tables>,
  { visitor, owner }: AdoptedVisitor,
  sessions: readonly string[],
): Promise<void> {
  const columns = keptColumns("session_event");
  await tx
    .insertInto("session_event")
    .columns(["owner_id", ...columns])
    .expression((from) =>
      from
        .selectFrom("session_event")
        .select([ownerLiteral(owner), ...columns])
        .where("owner_id", "=", visitor)
        .where("session_id", "in", sessions),
    )
    .execute();
  await tx.deleteFrom("session_event").where("owner_id", "=", visitor).where("session_id", "in", sessions).execute();
}
