import { SessionsError } from "@sessions/core/internal";
import { isUnsettled, type SessionRecord } from "../record/record.ts";
import type { SessionsClient } from "../sessions.ts";
import { syncBySessions } from "../sync/sync.ts";

/** A session with changes that only this device has. */
export interface UnsentSession {
  readonly flow: string;
  readonly id: string;
  /** The steps of these changes. Empty if only its start or its cancellation is not sent. */
  readonly steps: readonly string[];
}

/**
 * The sessions of this device with changes that the server does not have: commands and drafts that are not sent, and
 * shelved changes. Name them to the person before `forget()` deletes them.
 *
 * @throws {SessionsError} `configuration_invalid` for an object that `createSessionsClient` did not make.
 * @example
 * const unsent = await unsentSessions(sessions);
 * if (unsent.length === 0 || confirm(`${unsent.length} forms are not sent.`)) await sessions.forget();
 */
export async function unsentSessions(sessions: SessionsClient): Promise<readonly UnsentSession[]> {
  const sync = syncBySessions.get(sessions);
  if (sync === undefined) throw new SessionsError("configuration_invalid", "`sessions` is no sessions client.");
  await sessions.ready;
  return [...sync.store.records]
    .filter(([, record]) => isUnsettled(record))
    .map(([id, record]) => ({ flow: record.flow, id, steps: stepsOf(record) }));
}

/**
 * Whether this browser keeps the sessions of this client and of no other one. If another owner signed in here before, their
 * typed work may still be on the disk, and clearing the site's data would delete it unseen. False if nobody can tell.
 */
export async function areOnlySessions(sessions: SessionsClient): Promise<boolean> {
  const own = syncBySessions.get(sessions)?.store.name;
  // Some browsers do not list databases.
  const found = (await indexedDB.databases?.().catch(() => undefined)) ?? null;
  return found !== null && found.every(({ name = "" }) => name === own || !name.startsWith("sessions:"));
}

function stepsOf({ pending, drafts, otherVersionDrafts, shelved, confirmation }: SessionRecord): readonly string[] {
  const steps = [
    ...pending.map(({ command }) => (command.kind === "submit" ? command.step : null)),
    ...Object.keys(drafts),
    ...[...otherVersionDrafts, ...shelved].map(({ step }) => step),
    confirmation?.step ?? null,
  ];
  return [...new Set(steps.filter((step) => step !== null))];
}
