import type { Device, DraftCommand, Outcome } from "@sessions/core/internal";
import { isDataError, isTransient } from "../../postgres/errors.ts";
import { clearCipher } from "../../secrets/owner-cipher.ts";
import { NO_RECEIPTS } from "../rows/receipts.ts";
import { nextStored, type NextRevision, type StoredSession } from "../rows/stored-session.ts";
import { MAX_RACES, type ExecutionContext } from "./command-execution.ts";
import type { DecidingContext, Decision } from "./decision.ts";
import { judgeOnServer, type Judgement } from "./judgement.ts";

interface JudgedDraft {
  readonly judgement: Judgement;
  readonly next: NextRevision | null;
  readonly outcome: Outcome;
}

/**
 * Executes drafts of one session together. Each is judged on the session as the draft before it left it, and all are
 * written as one revision: a hundred small drafts must not write a large session a hundred times. Null when they have to
 * be executed one by one.
 */
export async function executeDraftCommands(
  context: ExecutionContext,
  owner: string,
  device: Device,
  drafts: readonly [DraftCommand, ...DraftCommand[]],
  before: StoredSession | undefined,
): Promise<readonly Decision[] | null> {
  const { cache, ciphers, now, partitions, publish, reader, report, telemetry, writer } = context;
  const { session } = drafts[0];
  let stored: StoredSession | null | undefined = before ?? cache.get(owner, session);
  telemetry.recordCacheLookup(stored !== undefined);
  let fresh = false;
  for (let attempt = 1; attempt <= MAX_RACES; attempt += 1) {
    if (stored === undefined) {
      stored = await reader.load(owner, session);
      fresh = true;
    }
    const base: StoredSession | null = stored;
    const nowMs = now();
    const cipher = base === null ? clearCipher : await ciphers.forWriting(owner);
    const { judged, after } = await judgeAll({ ...context, cipher }, owner, device, drafts, base, nowMs);
    stored = undefined;
    // The cache may be old. An outcome is sent only if it follows from the state of the database.
    if (!fresh && judged.some(({ judgement }) => judgement.settled)) continue;
    if (base !== null && after !== null && after !== base) {
      await partitions.ensure(nowMs);
      try {
        // The first accepted draft may have lifted the session, which adds a history entry.
        const entry = judged.find(({ next }) => next?.entry)?.next?.entry ?? null;
        if (!(await writer.write(owner, { stored: after, entry, receipt: NO_RECEIPTS, cipher }))) continue;
      } catch (error) {
        if (isTransient(error)) continue;
        if (isDataError(error)) return null;
        throw error;
      }
    }
    if (after !== null && judged.some(({ outcome }) => outcome.status === "accepted")) {
      cache.put(owner, after);
      publish(owner, after.snapshot);
    }
    for (const { judgement } of judged) if (judgement.settled && judgement.fault) report(judgement.fault);
    return judged.map(({ outcome }) => ({ outcome, stored: after }));
  }
  return null;
}

/** Judges the first draft on `base`, and each other draft on the result of the one before it. `after` is the last result. */
async function judgeAll(
  { cpu, flows, cipher }: ExecutionContext & DecidingContext,
  owner: string,
  device: Device,
  drafts: readonly DraftCommand[],
  base: StoredSession | null,
  nowMs: number,
): Promise<{ readonly judged: readonly JudgedDraft[]; readonly after: StoredSession | null }> {
  let session = base;
  const judgeNext = (draft: DraftCommand): JudgedDraft => {
    const judgement = judgeOnServer(flows, session, draft, { nowMs, device });
    if (judgement.settled) return { judgement, next: null, outcome: judgement.outcome };
    const advanced = nextStored(
      cipher,
      session,
      { snapshot: judgement.advanced.session },
      judgement.advanced.change,
      draft,
      judgement.served.flow,
    );
    const revision = base!.snapshot.revision + 1;
    const next = { ...advanced, stored: { ...advanced.stored, snapshot: { ...advanced.stored.snapshot, revision } } };
    // The first accepted draft makes the revision, and the others are part of it.
    const replayed = session !== base;
    session = next.stored;
    return { judgement, next, outcome: { status: "accepted", revision, replayed } };
  };
  const judged: JudgedDraft[] = [];
  for (const draft of drafts) judged.push(await cpu.run(owner, () => judgeNext(draft)));
  return { judged, after: session };
}
