import { SessionsError } from "@sessions/core/internal";
import { entries } from "idb-keyval";
import { browserEnvironment } from "../environment.ts";
import { emptyRecord, isUnsettled, type SessionRecord } from "../record/record.ts";
import type { SessionsClient } from "../sessions.ts";
import { DEVICE_KEY, openDatabase } from "../store/database.ts";
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
 * shelved changes. Those of the owner's other profiles in this browser are among them, because `forget()` deletes them
 * too. Name all to the person before. Rejects if the browser cannot read another profile.
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
  const unsent = new Map<string, UnsentSession>();
  for (const [id, record] of [...sync.store.records, ...(await recordsOfOtherProfiles(sync.store.name))]) {
    if (!isUnsettled(record)) continue;
    const steps = [...new Set([...(unsent.get(id)?.steps ?? []), ...stepsOf(record)])];
    unsent.set(id, { flow: record.flow, id, steps });
  }
  return [...unsent.values()];
}

/** What the browser keeps of the same owner in other databases. `forget` finds them in the same way. */
async function recordsOfOtherProfiles(own: string): Promise<readonly (readonly [string, SessionRecord])[]> {
  const prefix = own.slice(0, own.indexOf(":", "sessions:".length) + 1);
  const found: [string, SessionRecord][] = [];
  for (const { name = "" } of await databases()) {
    if (name === own || !name.startsWith(prefix)) continue;
    const database = openDatabase(name, browserEnvironment);
    for (const [id, record] of await entries<string, SessionRecord>(database.transact)) {
      if (id !== DEVICE_KEY) found.push([id, { ...emptyRecord, ...record }]);
    }
    database.close();
  }
  return found;
}

/** Empty if the browser lists none. Then `forget` deletes the database of the own profile alone. */
const databases = async () => (await indexedDB.databases?.().catch(() => undefined)) ?? [];

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
