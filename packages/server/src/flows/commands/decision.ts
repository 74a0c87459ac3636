import type { Kysely, Transaction } from "kysely";
import {
  HandlerFailedError,
  refusedOutcome,
  runHandlers,
  SessionsError,
  type Command,
  type LimitContext,
  type Outcome,
  type Refusal,
} from "@sessions/core/internal";
import type { Bounds } from "../configuration/bounds.ts";
import { runGuarded } from "./handler-guard.ts";
import { judgeOnServer, type JudgementContext } from "./judgement.ts";
import type { OwnerCipher } from "../../secrets/owner-cipher.ts";
import { holdDataKey } from "../../secrets/rows/owner-keys.ts";
import type { CipherOf } from "../rows/row.ts";
import { loadAnywhere, moveToArchive, nthNewestCompletionMs } from "../rows/archive.ts";
import { isDataError } from "../../postgres/errors.ts";
import { setStatementTimeouts } from "../../postgres/statement-timeouts.ts";
import { changedCount, isStaleFor } from "../../secrets/rows/session-counts.ts";
import { countOpenSessions, hasOpenSessions, lockActive } from "../rows/active.ts";
import type { KeyedQueue } from "../../postgres/connection/keyed-queue.ts";
import { lockOwner, type LockedOwner } from "../../postgres/owner.ts";
import type { Tables } from "../rows/tables.ts";
import type { UpdateStatements } from "../rows/update-statements.ts";
import type { ServedFlow } from "../configuration/served-flow.ts";
import type { ApplicationTables } from "../../postgres/application-tables.ts";
import { nextStored, type NextRevision, type StoredSession } from "../rows/stored-session.ts";

/**
 * The result of a command: its outcome for the client, and the stored session after it. `stored` is null if there is no
 * such session, or if it was not read.
 */
export interface Decision {
  readonly outcome: Outcome;
  readonly stored: StoredSession | null;
}

/** Everything that the decision on a command needs. */
export interface DecisionContext {
  readonly db: Kysely<Tables>;
  readonly schema: string;
  readonly updates: UpdateStatements;
  readonly flows: ReadonlyMap<string, ServedFlow>;
  readonly now: () => number;
  readonly bounds: Bounds;
  /** Where a command waits before its transaction locks the owner's row: in memory, without a connection. */
  readonly ownerTurns: KeyedQueue;
  readonly report: (error: SessionsError) => void;
}

/** The decision on one command. The owner's cipher is there already: the transaction must not wait for another connection. */
export interface DecidingContext extends DecisionContext {
  readonly cipher: OwnerCipher;
}

/** The input of a judgement beside the session and the command. Its time is that of the attempt. */
export type JudgementInput = Omit<JudgementContext, "nowMs">;

/** Another writer came first, so the transaction must be rolled back. */
class RevisionConflictError extends Error {}

/** A refusal for which the transaction must be rolled back. */
class RolledBackError extends Error {
  readonly refusal: Refusal;
  readonly stored: StoredSession | null;

  constructor(refusal: Refusal, stored: StoredSession | null) {
    super(refusal.code);
    this.refusal = refusal;
    this.stored = stored;
  }
}

/**
 * Decides a command in one transaction: it locks, counts limits, runs the application's handlers and moves an ended
 * session to the archive, all or nothing. Null when another writer came first; then the command is judged again.
 */
export async function decide(
  context: DecidingContext,
  owner: string,
  judgementInput: JudgementInput,
  command: Command,
  served: ServedFlow,
): Promise<Decision | null> {
  const deciding = () =>
    context.db.transaction().execute((tx) => decideInTransaction(tx, context, owner, judgementInput, command, served));
  try {
    return await (locksOwner(command, served) ? context.ownerTurns.run(owner, deciding) : deciding());
  } catch (error) {
    if (error instanceof RevisionConflictError) return null;
    if (error instanceof RolledBackError) return { outcome: refusedOutcome(error.refusal), stored: error.stored };
    // A handler may leave its transaction broken, or a deferred constraint that fails at the commit.
    if (!(error instanceof HandlerFailedError || isDataError(error))) throw error;
    const where = `Command ${command.id} (${command.kind}) of session ${command.session}.`;
    context.report(
      error instanceof HandlerFailedError
        ? new SessionsError(error.code, `${error.message} ${where}`, { cause: error.cause })
        : new SessionsError("handler_failed", where, { cause: error }),
    );
    return { outcome: refusedOutcome({ code: "failed" }), stored: null };
  }
}

async function decideInTransaction(
  tx: Transaction<Tables>,
  context: DecidingContext,
  owner: string,
  judgementInput: JudgementInput,
  command: Command,
  served: ServedFlow,
): Promise<Decision | null> {
  const { cipher } = context;
  const cipherOf: CipherOf = (_owner, generation = 0) => {
    // Another node has sealed the session meanwhile, with newer keys.
    if (generation > cipher.generation) throw new RevisionConflictError();
    return cipher;
  };
  const ownTx = tx.withSchema(context.schema);
  await setStatementTimeouts(ownTx, context.bounds.handlerMs);
  const beforeLocks = new Date(context.now()).toISOString();
  const { ownerSessions } = context.bounds;
  const isStart = command.kind === "start";
  // Always the owner before the session: two transactions that lock them in different orders would deadlock.
  const locked = locksOwner(command, served) ? await lockOwner(ownTx, owner, beforeLocks) : null;
  // The router tells the visitor to sign in.
  if (locked !== null && locked.adopter !== null)
    return { outcome: refusedOutcome({ code: "not_found" }), stored: null };
  // No other start of this owner is in flight. A repeat of this one may have started and ended the session.
  const load = isStart ? loadAnywhere : lockActive;
  const before = await load(ownTx, cipherOf, owner, command.session);
  if (before === null && !isStart) return null;
  // The time is read after the locks, so that limits count sessions in the order in which they were decided.
  const nowMs = context.now();

  const judgement = judgeOnServer(context.flows, before, command, { nowMs, ...judgementInput });
  if (judgement.settled) return { outcome: judgement.outcome, stored: before };
  const { advanced } = judgement;

  if (isStart && (await hasOpenSessions(ownTx, owner, ownerSessions, new Date(nowMs).toISOString()))) {
    const limit = { limit: "open sessions of one owner", atMost: ownerSessions, resetsAt: null };
    return { outcome: refusedOutcome({ code: "limit_reached", ...limit }), stored: before };
  }
  const event = isStart ? "start" : advanced.session.status === "completed" ? "complete" : null;
  for (const limit of served.limits.filter(({ on }) => on === event)) {
    const refusal = await limit.check(limitContext(ownTx, owner, served.flow.name, nowMs));
    if (refusal !== null) return { outcome: refusedOutcome(refusal), stored: before };
  }

  // The application declares the types of its own tables. Its statements do not use the schema of the sessions.
  const applicationTx = tx as unknown as Transaction<ApplicationTables>;
  const handled = await runHandlers(
    served,
    advanced,
    before?.hidden ?? {},
    { owner, tx: applicationTx },
    (run, where) => runGuarded(run, where, context.bounds.handlerMs),
  );
  if (!handled.ok) throw new RolledBackError(handled.refusal, before);

  const after = { snapshot: handled.session, hidden: handled.hidden };
  const next = nextStored(cipher, before, after, advanced.change, command, served.flow);
  const { stored } = next;
  // An owner who was erased may come back on a node that has not heard of it.
  const needsKey = before === null && cipher.scope !== "nothing";
  if (needsKey && !(await holdDataKey(ownTx, owner, cipher.generation))) throw new RevisionConflictError();
  const isWritten =
    before === null
      ? locked !== null && (await writeStart(ownTx, context.updates, owner, locked, next))
      : await write(ownTx, context.updates, owner, before, next);
  if (!isWritten) return null;
  return { outcome: { status: "accepted", revision: stored.snapshot.revision, replayed: false }, stored };
}

/** Counts within the transaction that decides, while it holds the owner's lock. */
function limitContext(db: Kysely<Tables>, owner: string, flow: string, nowMs: number): LimitContext {
  return {
    nowMs,
    countOpen: () => countOpenSessions(db, owner, flow, new Date(nowMs).toISOString()),
    nthNewestCompletionMs: (nth, fromMs) => nthNewestCompletionMs(db, owner, flow, nth, fromMs),
  };
}

/** Whether a command needs its owner's lock. A start counts, and a visitor starts nothing after the adoption. */
function locksOwner(command: Command, served: ServedFlow): boolean {
  return served.limits.length > 0 || command.kind === "start";
}

/** Writes a new session, and counts it. False when the owner has one of that id. */
async function writeStart(
  db: Kysely<Tables>,
  updates: UpdateStatements,
  owner: string,
  { count }: LockedOwner,
  next: NextRevision,
): Promise<boolean> {
  const { entry, cipher, stored } = next;
  // The owner has got keys after the cipher was loaded.
  if (isStaleFor(cipher, count)) throw new RevisionConflictError();
  const { id, startedAt: at } = stored.snapshot;
  return entry !== null && updates.start(db, owner, next, entry, changedCount(cipher, owner, count, [{ id, at }], 1));
}

/** Writes a session's next revision to the right table. False when another writer came first. */
async function write(
  db: Kysely<Tables>,
  updates: UpdateStatements,
  owner: string,
  before: StoredSession,
  next: NextRevision,
): Promise<boolean> {
  const { stored } = next;
  if (stored.snapshot.status === "active") return updates.writeOne(db, { owner, ...next });
  return moveToArchive(db, owner, before, next);
}
