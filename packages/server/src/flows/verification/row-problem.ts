import { sql, type Kysely } from "kysely";
import type { Snapshot } from "@sessions/core/internal";
import { databaseFault } from "../../postgres/errors.ts";
import { isoTextOf } from "../../postgres/values.ts";
import { isSealedInvalid } from "../../secrets/sealed.ts";
import { startOfHour } from "../rows/active.ts";
import type { HistoryEntry } from "../rows/history/history-entry.ts";
import { listReceipts } from "../rows/receipts.ts";
import type { StoredSession } from "../rows/stored-session.ts";
import type { Tables } from "../rows/tables.ts";

/** The columns of a session's row that repeat its state. */
export interface RepeatedColumns {
  readonly status: string;
  readonly ended: string | null;
  readonly expires: string | null;
  readonly bucket: string | null;
}

/** Those of every row that a session has: there should be one. */
export async function loadRepeatedColumns(
  db: Kysely<Tables>,
  owner: string,
  id: string,
): Promise<readonly RepeatedColumns[]> {
  const active = db
    .selectFrom("session")
    .select([
      sql<string>`'active'`.as("status"),
      sql<string | null>`null`.as("ended"),
      isoTextOf("expires_at").as("expires"),
      isoTextOf("expires_bucket").as("bucket"),
    ])
    .where("owner_id", "=", owner)
    .where("id", "=", id);
  const ended = db
    .selectFrom("session_archive")
    .select([
      sql<string>`status`.as("status"),
      isoTextOf("ended_at").as("ended"),
      sql<string | null>`null`.as("expires"),
      sql<string | null>`null`.as("bucket"),
    ])
    .where("owner_id", "=", owner)
    .where("id", "=", id);
  return [...(await active.execute()), ...(await ended.execute())];
}

/** The number of the first entry whose columns contradict its body; null if there is none. */
export async function findChangedColumns(db: Kysely<Tables>, owner: string, id: string): Promise<number | null> {
  const row = await db
    .selectFrom("session_event")
    .select("entry")
    .where("owner_id", "=", owner)
    .where("session_id", "=", id)
    .where(
      sql<boolean>`(revision::text is distinct from body ->> 'revision' or ${isoTextOf("at")} is distinct from body ->> 'at')`,
    )
    .orderBy("entry")
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? null : Number(row.entry);
}

/** What of a row contradicts its history, and is no data, output or result; null if nothing does. Drafts are in no history. */
export function findRowProblem(
  { snapshot, receipts }: StoredSession,
  { status, ended, expires, bucket }: RepeatedColumns,
  history: readonly HistoryEntry[],
): string | null {
  const [first, last] = [history[0]!, history.at(-1)!];
  const { revision } = last.body;
  if (status !== snapshot.status) return `is ${snapshot.status} in its state and ${status} in its column`;
  if (ended !== snapshot.endedAt) return "has another end in its column than in its state";
  if (expires !== null && expires !== snapshot.expiresAt) return "has another deadline in its column than in its state";
  if (bucket !== null && Date.parse(bucket) !== Date.parse(startOfHour(snapshot.expiresAt))) {
    return "is in the wrong hour for the sweep";
  }
  if (history.some(({ body }) => body.flow !== snapshot.flow)) return "is of another flow than its history";
  if (status !== "active" && snapshot.revision !== revision) {
    return `is at revision ${snapshot.revision}, its history at ${revision}`;
  }
  if (snapshot.startedAt !== first.body.at) return "began at another time than its history";
  if (status !== "active" && snapshot.endedAt !== last.body.at) return "ended at another time than its history";
  return (
    findLastChangeProblem(snapshot, last) ??
    findSubmissionProblem(snapshot, history) ??
    findReceiptProblem(receipts, history)
  );
}

/** Compares the time and the device of the last change. If drafts came after the last entry, they are the drafts'. */
function findLastChangeProblem(snapshot: Snapshot, { body, content }: HistoryEntry): string | null {
  const { change, revision, device, at } = body;
  if (snapshot.revision !== revision) return null;
  const isByServer = change.kind === "adopt" || (change.kind === "end" && change.status === "expired");
  if (!isByServer && snapshot.updatedAt !== at) return "was changed at another time than its history";
  const isDevice = snapshot.device.id === device && (content.device ?? snapshot.device.name) === snapshot.device.name;
  return isDevice ? null : "was changed by another device than its history";
}

function findSubmissionProblem(
  { submissions, data, outputs }: Snapshot,
  history: readonly HistoryEntry[],
): string | null {
  const submitted = history.findLast(({ body }) => body.submitted !== undefined)?.body.submitted ?? [];
  const names = Object.keys(submissions);
  const missing = submitted.find((step) => !names.includes(step));
  if (missing !== undefined) return `lacks the submission of step ${missing}`;
  const added = names.find((step) => !submitted.includes(step));
  if (added !== undefined) return "has a submission that its history lacks";
  if (names.some((step) => !Object.hasOwn(data, step))) return "has a submission without data";
  if (Object.keys(data).some((step) => !Object.hasOwn(submissions, step))) return "has data without a submission";
  if (Object.keys(outputs).some((step) => !Object.hasOwn(submissions, step)))
    return "has an output without a submission";
  const byCommand = new Map(history.map((entry) => [entry.body.command, entry.body]));
  for (const { command, at, sensitive } of Object.values(submissions)) {
    const body = byCommand.get(command);
    if (body === undefined || body.at !== at || body.sensitive !== sensitive) {
      return "has a submission with another command, time or secrecy than its history";
    }
  }
  return null;
}

function findReceiptProblem(receipts: StoredSession["receipts"], history: readonly HistoryEntry[]): string | null {
  const listed = [...listReceipts(receipts)];
  const found = new Map(listed.map((receipt) => [receipt.command, receipt]));
  const commands = history.filter(({ body }) => body.command !== null);
  for (const { number, body } of commands) {
    const receipt = found.get(body.command!);
    if (receipt?.revision !== body.revision) return `lacks the receipt of its entry ${number}`;
    if (receipt.hash.toString("base64url") !== body.receipt) return `has a changed receipt of its entry ${number}`;
  }
  if (listed.length > found.size) return "has a receipt twice";
  return listed.length === commands.length ? null : "has a receipt without an entry";
}

/** A value that does not open is a problem of its session or owner. */
export async function unopenedAsProblem(find: () => Promise<string | null>): Promise<string | null> {
  try {
    return await find();
  } catch (error) {
    if (isSealedInvalid(error)) {
      return `has a value that does not open: ${error.message.slice(error.code.length + 2)}`;
    }
    // The keys or the database fail. Everything else is a value that this package has not written.
    if (databaseFault(error) !== undefined) throw error;
    return "has a value that cannot be read";
  }
}
