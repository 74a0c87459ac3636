import type { Kysely } from "kysely";
import { loadHistory } from "../../flows/rows/history/history.ts";
import { sessionSelection, sessionFromRow, ownerSelection, type CipherOf } from "../../flows/rows/row.ts";
import type { Tables } from "../../flows/rows/tables.ts";
import { findReceipt } from "../../flows/rows/receipts.ts";
import type { StoredSession } from "../../flows/rows/stored-session.ts";
import { verify } from "../../flows/verification/verify.ts";
import { keylessCipher } from "../../secrets/owner-cipher.ts";
import type { LedgerRow } from "../bank.ts";
import type { Answered } from "./caller.ts";

export interface Evidence {
  readonly db: Kysely<Tables>;
  /** The rows that the application wrote with each completion. */
  readonly ledger: readonly LedgerRow[];
  /** Every command that was sent, each with its last answer. */
  readonly log: readonly Answered[];
  /** How many completions an owner may have. */
  readonly atMost: number;
  /** The ciphers of owners. Without it, nothing is sealed. */
  readonly cipherOf?: CipherOf;
}

interface Found {
  readonly owner: string;
  readonly stored: StoredSession;
}

/**
 * Compares the answers that clients got with the rows of the database, to decide whether the promises were kept. Returns
 * each breach, in ids and numbers.
 */
export async function breaches({
  db,
  ledger,
  log,
  atMost,
  cipherOf = () => keylessCipher,
}: Evidence): Promise<readonly string[]> {
  const breached: string[] = [];
  const { broken } = await verify(db, { cipherOf });
  if (broken !== null) breached.push(`session ${broken.session ?? "of an owner"} ${broken.reason}`);

  const sessions = await everySession(db, cipherOf);
  for (const [id, answers] of Map.groupBy(log, ({ command }) => command.session)) {
    breached.push(...(await breachesOf(db, cipherOf, id, answers, sessions.get(id))));
  }
  const asked = new Set(log.map(({ command }) => command.session));
  for (const id of sessions.keys()) {
    if (!asked.has(id)) breached.push(`session ${id} was asked for by nobody`);
  }
  return [...breached, ...completionBreaches([...sessions.values()], ledger, log, atMost)];
}

/** Each accepted command must be in the session once, at the revision of its answer. Nothing else may be in it. */
async function breachesOf(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  id: string,
  answers: readonly Answered[],
  found: Found | undefined,
): Promise<readonly string[]> {
  const accepted = answers.filter(({ outcome }) => outcome.status === "accepted");
  if (found === undefined) return accepted.length === 0 ? [] : [`session ${id} is lost`];
  const breached: string[] = [];
  const { stored, owner } = found;
  const history = await loadHistory(db, owner, id, await cipherOf(owner));
  const { revision, status, drafts } = stored.snapshot;

  const told = new Map<number, string>();
  for (const { owner: asker, command, outcome } of accepted) {
    if (outcome.status !== "accepted") continue;
    if (asker !== owner) breached.push(`session ${id} is another owner's`);
    const entries = history.filter(({ body }) => body.command === command.id);
    if (command.kind === "draft") {
      const isStored = Object.keys(command.fields).every((field) => field in (drafts[command.step] ?? {}));
      if (status === "active" && !isStored) breached.push(`draft ${command.id} is lost`);
      // The answer to a repeated draft has the session's revision: the draft's own may be an older one.
      if (outcome.replayed) continue;
    } else if (entries.length !== 1) {
      breached.push(`command ${command.id} is in the history ${entries.length} times`);
    } else if (
      entries[0]!.body.revision !== outcome.revision ||
      findReceipt(stored.receipts, command.id)?.revision !== outcome.revision
    ) {
      breached.push(`command ${command.id} was told revision ${outcome.revision}`);
    }
    if ((told.get(outcome.revision) ?? command.id) !== command.id)
      breached.push(`revision ${outcome.revision} of ${id} was told twice`);
    told.set(outcome.revision, command.id);
  }
  if (Math.max(0, ...told.keys()) > revision) breached.push(`session ${id} has gone back to revision ${revision}`);
  const distinct = new Set(accepted.map(({ command }) => command.id)).size;
  if (distinct !== revision) breached.push(`session ${id} has ${revision} revisions of ${distinct} commands`);
  const known = new Set(accepted.map(({ command }) => command.id));
  for (const { number, body } of history) {
    if (body.command === null || !known.has(body.command))
      breached.push(`entry ${number} of ${id} was accepted for nobody`);
  }
  return breached;
}

/** The answered completions, the archived ones and the application's rows must agree, and never be above the limit. */
function completionBreaches(
  sessions: readonly Found[],
  ledger: readonly LedgerRow[],
  log: readonly Answered[],
  atMost: number,
): readonly string[] {
  const completed = sessions.filter(({ stored }) => stored.snapshot.status === "completed");
  const archived = completed.map(({ stored }) => stored.snapshot.id).toSorted();
  const written = ledger.map((row) => row.session_id).toSorted();
  const told = log
    .filter(
      ({ command, outcome }) => command.kind === "submit" && command.step === "review" && outcome.status === "accepted",
    )
    .map(({ command }) => command.session)
    .toSorted();
  const breached: string[] = [];
  if (String(archived) !== String(written))
    breached.push(`${archived.length} completions, ${written.length} in the ledger`);
  if (String(archived) !== String(told)) breached.push(`${archived.length} completions, ${told.length} were told`);
  for (const [owner, own] of Map.groupBy(completed, (each) => each.owner)) {
    if (own.length > atMost)
      breached.push(`owner ${owner} has ${own.length} completions, above the limit of ${atMost}`);
  }
  return breached;
}

async function everySession(db: Kysely<Tables>, cipherOf: CipherOf): Promise<ReadonlyMap<string, Found>> {
  const found = new Map<string, Found>();
  for (const table of ["session", "session_archive"] as const) {
    const rows = await db
      .selectFrom(table)
      .select([...sessionSelection, ownerSelection])
      .execute();
    for (const row of rows) {
      found.set(row.session, { owner: row.owner, stored: await sessionFromRow(cipherOf, row.owner, row) });
    }
  }
  return found;
}
