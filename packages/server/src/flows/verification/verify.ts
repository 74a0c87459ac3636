import { sql, type Kysely } from "kysely";
import { sameJson, type Json } from "@sessions/core/internal";
import { loadArchived } from "../rows/archive.ts";
import { loadActive } from "../rows/active.ts";
import { loadHistory } from "../rows/history/history.ts";
import { sessionSelection, sessionFromRow, ownerSelection, type CipherOf } from "../rows/row.ts";
import type { Tables } from "../rows/tables.ts";
import { time, LEAST_ID } from "../../postgres/values.ts";
import {
  findChangedColumns,
  findRowProblem,
  loadRepeatedColumns,
  unopenedAsProblem,
  type RepeatedColumns,
} from "./row-problem.ts";
import { findMiscount } from "./miscount.ts";
import { keylessCipher, type OwnerCipher } from "../../secrets/owner-cipher.ts";
import { contentDigest, type HistoryEntry } from "../rows/history/history-entry.ts";
import type { StoredSession } from "../rows/stored-session.ts";

/** A row that contradicts another. */
export interface BrokenSession {
  readonly owner: string;
  /** Null if the count of the owner's sessions is wrong, and no single session explains it. */
  readonly session: string | null;
  /** The problem, in ids and numbers. */
  readonly reason: string;
}

export interface VerifyOptions {
  readonly onProgress?: (sessions: number) => void;
  /** The ciphers of owners. Without it, nothing is sealed. */
  readonly cipherOf?: CipherOf;
  /** The first month of the archive, as in "2026-11": older histories may outlive their sessions by its retention. */
  readonly firstMonth?: string | undefined;
  /** The first month of the histories. Sessions that began before it are not counted. */
  readonly firstHistoryMonth?: string | undefined;
}

const PAGE_SIZE = 500;

/**
 * Checks every session, active and ended, against its history. The entries have no gaps, and their hashes are chained. The
 * row agrees with them. Each entry has a receipt. No session is in two tables. No history is without a session. The owners
 * have begun these sessions, and no others. Gives the first broken session, by owner and id, and the number of checked
 * sessions.
 */
export async function verify(
  db: Kysely<Tables>,
  { onProgress, cipherOf = keyless, firstMonth = "1970-01", firstHistoryMonth = "1970-01" }: VerifyOptions = {},
): Promise<{ readonly sessions: number; readonly broken: BrokenSession | null }> {
  let sessions = 0;
  for (const table of ["session", "session_archive"] as const) {
    let after = { owner: "", id: LEAST_ID };
    for (;;) {
      const page = await loadSessions(db, table, after);
      for (const row of page) {
        const { owner, session } = row;
        const find = async () => findProblem(db, cipherOf, owner, await sessionFromRow(cipherOf, owner, row), table);
        const seemsWrong = (await unopenedAsProblem(find)) !== null;
        const wrong = seemsWrong ? await findProblemAtOneMoment(db, cipherOf, owner, session) : null;
        if (wrong !== null) return { sessions, broken: { owner, session, reason: wrong } };
        sessions += 1;
      }
      onProgress?.(sessions);
      const last = page.at(-1);
      if (page.length < PAGE_SIZE || last === undefined) break;
      after = { owner: last.owner, id: last.session };
    }
  }
  const orphan = await findOrphan(db, `${firstMonth}-01T00:00:00Z`);
  return { sessions, broken: orphan ?? (await findMiscount(db, cipherOf, firstHistoryMonth)) };
}

/** The problem of one session, active or ended, at one moment; null if it is whole, or there is none. */
export function verifySession(
  db: Kysely<Tables>,
  owner: string,
  id: string,
  cipherOf: CipherOf = keyless,
): Promise<string | null> {
  return findProblemAtOneMoment(db, cipherOf, owner, id);
}

const keyless: CipherOf = () => keylessCipher;

type Table = "session" | "session_archive";

async function findProblem(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  stored: StoredSession,
  table: Table,
): Promise<string | null> {
  const rows = await loadRepeatedColumns(db, owner, stored.snapshot.id);
  const [columns, ...copies] = rows;
  if (columns === undefined) return "is gone meanwhile";
  if (copies.length > 0) return columns.expires === null ? "is archived twice" : "is active and archived";
  return compareWithHistory(db, await cipherOf(owner), owner, stored, columns, table === "session_archive");
}

/** Checks a session again at one moment. A session that changes between two statements seems to contradict its history. */
async function findProblemAtOneMoment(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  id: string,
): Promise<string | null> {
  if (!db.isTransaction) {
    // The transaction must not wait for another connection.
    const cipher = await cipherOf(owner);
    const moment = db.transaction().setIsolationLevel("repeatable read");
    return moment.execute((tx) => findProblemAtOneMoment(tx, () => cipher, owner, id));
  }
  for (const table of ["session", "session_archive"] as const) {
    const wrong = await unopenedAsProblem(async () => {
      const stored = await (table === "session" ? loadActive : loadArchived)(db, cipherOf, owner, id);
      return stored && findProblem(db, cipherOf, owner, stored, table);
    });
    if (wrong !== null) return wrong;
  }
  return null;
}

async function loadSessions(db: Kysely<Tables>, table: Table, after: { readonly owner: string; readonly id: string }) {
  return db
    .selectFrom(table)
    .select([...sessionSelection, ownerSelection])
    .where(sql<boolean>`(owner_id, id) > (${after.owner}, ${after.id}::uuid)`)
    .orderBy("owner_id")
    .orderBy("id")
    .limit(PAGE_SIZE)
    .execute();
}

async function compareWithHistory(
  db: Kysely<Tables>,
  cipher: OwnerCipher,
  owner: string,
  stored: StoredSession,
  columns: RepeatedColumns,
  archived: boolean,
): Promise<string | null> {
  const { snapshot } = stored;
  const history = await loadHistory(db, owner, snapshot.id, cipher);
  const broken = findBrokenEntry(cipher, history, snapshot.id);
  if (broken !== null) return broken;

  const last = history.at(-1);
  if (last === undefined) return "has no history";
  if (last.number !== stored.lastEntry) return `ends at entry ${stored.lastEntry}, its history at ${last.number}`;
  if (!sameBytes(last.hash, stored.lastHash)) return `has another hash than its entry ${last.number}`;
  if (last.body.revision > snapshot.revision) {
    return `is at revision ${snapshot.revision}, its history at ${last.body.revision}`;
  }
  const { change } = last.body;
  const ended =
    change.kind === "end" ? change.status : archived ? (change.kind === "submit" ? "completed" : null) : "active";
  if (snapshot.status !== ended) return `is ${snapshot.status}, unlike its entry ${last.number}`;
  const difference = differenceFromHistory(stored, history);
  if (difference !== null) return difference;
  const changed = await findChangedColumns(db, owner, snapshot.id);
  if (changed !== null) return `has columns of its entry ${changed} that were changed`;
  return findRowProblem(stored, columns, history);
}

function findBrokenEntry(cipher: OwnerCipher, history: readonly HistoryEntry[], session: string): string | null {
  let hash: Uint8Array | null = null;
  let revision = 0;
  for (const [index, entry] of history.entries()) {
    const { number, hash: storedHash, body, text } = entry;
    if (number !== index + 1 || body.entry !== number || body.session !== session) return `lacks entry ${index + 1}`;
    if (!cipher.isChainHash(storedHash, hash, text, Date.parse(body.at)))
      return `has an entry ${number} that was changed`;
    hash = storedHash;
    const found = contentDigest(entry);
    // An entry whose content was erased is whole.
    if (found !== "" && found !== body.content) return `has an entry ${number} whose content was changed`;
    if (body.revision <= revision) return `has an entry ${number} that goes back to revision ${body.revision}`;
    if (index < history.length - 1 && body.change.kind === "end") return `goes on after its end at entry ${number}`;
    revision = body.revision;
  }
  return null;
}

/** The first difference between a session's data, outputs and result and those of its history. */
function differenceFromHistory({ snapshot, hidden }: StoredSession, history: readonly HistoryEntry[]): string | null {
  let version = 0;
  let submittedSteps = new Map<
    string,
    {
      readonly data: Json | undefined;
      readonly input?: Json | undefined;
      readonly output: Json;
      readonly command: string | null;
    }
  >();
  const hiddenBy = new Map<string, Json>();
  for (const { number, body, content } of history) {
    const { change } = body;
    if (change.kind === "start") version = change.version;
    if (content.lifted !== undefined) {
      const { data, inputs, outputs, submissions } = content.lifted;
      const submitted = new Set([...submittedSteps.values()].map(({ command }) => command));
      submittedSteps = new Map();
      for (const [step, value] of Object.entries(data)) {
        const command = submissions[step]?.command ?? null;
        if (!submitted.has(command)) return `lifts at entry ${number} what was not submitted`;
        submittedSteps.set(step, { data: value, input: inputs[step], output: outputs[step] ?? null, command });
      }
      if (body.version <= version) return `lifts at entry ${number} to version ${body.version}`;
      version = body.version;
    }
    if (change.kind === "submit") {
      submittedSteps.set(change.step, {
        data: content.data,
        input: content.input,
        output: content.output ?? null,
        command: body.command,
      });
      if (content.hidden !== undefined && body.command !== null) hiddenBy.set(body.command, content.hidden);
    }
  }
  if (snapshot.version !== version) return `is at version ${snapshot.version}, its history at ${version}`;
  for (const [step, data] of Object.entries(snapshot.data)) {
    const last = submittedSteps.get(step);
    if (last === undefined || !sameJson(last.data, data)) return "has other data than its history";
    if (!sameJson(last.input, snapshot.inputs[step])) return "has another input than its history";
    if (!sameJson(last.output, snapshot.outputs[step] ?? null)) return "has another output than its history";
    if (last.command !== snapshot.submissions[step]?.command) return "names another submission than its history";
  }
  const commands = new Set(Object.values(snapshot.submissions).map(({ command }) => command));
  const hiddenNow = [...hiddenBy].filter(([command]) => commands.has(command));
  if (!sameJson(Object.fromEntries(hiddenNow), hidden)) return "has other hidden values than its history";
  return sameJson(history.at(-1)?.content.result ?? null, snapshot.result)
    ? null
    : "has another result than its history";
}

/** The first history, by owner and id, that began at this moment or later and belongs to no session. */
async function findOrphan(db: Kysely<Tables>, from: string): Promise<BrokenSession | null> {
  const row = await db
    .selectFrom("session_event as event")
    .select([sql<string>`event.owner_id`.as("owner"), sql<string>`event.session_id::text`.as("session")])
    .where("event.entry", "=", 1)
    .where("event.at", ">=", time(from))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("session")
            .select("session.id")
            .whereRef("session.owner_id", "=", "event.owner_id")
            .whereRef("session.id", "=", "event.session_id"),
        ),
      ),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("session_archive")
            .select("session_archive.id")
            .whereRef("session_archive.owner_id", "=", "event.owner_id")
            .whereRef("session_archive.id", "=", "event.session_id"),
        ),
      ),
    )
    .orderBy("event.owner_id")
    .orderBy("event.session_id")
    .limit(1)
    .executeTakeFirst();
  return row ? { owner: row.owner, session: row.session, reason: "is gone, and its history stays" } : null;
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
