import type { Kysely, Transaction } from "kysely";
import { SessionsError, type AdvanceContext, type Command, type Outcome, type Refusal } from "@sessions/core";
import type { Bounds } from "../served/bounds.ts";
import { HandlerFailed, runHandlers } from "./handlers.ts";
import { judge, refused } from "./judgement.ts";
import { loadArchived, moveToArchive } from "../rows/archive.ts";
import { isDataError } from "../../postgres/database.ts";
import { boundStatements } from "../rows/bound-statements.ts";
import { hasOpen, insertActive, loadActive } from "../rows/active.ts";
import type { KeyedQueue } from "../../postgres/connection/keyed-queue.ts";
import { lockOwner } from "../../postgres/owner.ts";
import type { Tables } from "../../postgres/tables.ts";
import type { Updates } from "../rows/updates.ts";
import type { ApplicationTables, Served } from "../served/served-flow.ts";
import { nextStored, type NextStored, type Stored } from "../rows/stored.ts";

/** What became of a command, and the session as it is afterwards. */
export interface Decided {
  readonly outcome: Outcome;
  readonly stored: Stored | null;
}

/** Where decisions are made. */
export interface FlowContext {
  readonly db: Kysely<Tables>;
  readonly schema: string;
  readonly updates: Updates;
  readonly flows: ReadonlyMap<string, Served>;
  readonly now: () => number;
  readonly bounds: Bounds;
  /** Where those wait whose transactions take the owner's lock: in memory, and not on connections. */
  readonly turns: KeyedQueue;
  readonly report: (error: SessionsError) => void;
}

/**
 * How near an owner is to `ownerSessions` when starts begin to be counted under the owner's lock. Those that are under
 * way without it have a connection each: nodes together have fewer.
 */
const NEAR_SESSIONS = 1_000;

/** How a command is judged, but for the time. */
export type Judging = Omit<AdvanceContext, "nowMs">;

/** Another writer came first, and what the transaction has written must go. */
class RevisionConflict extends Error {}

/** A refusal that must undo what the transaction has written. */
class RolledBack extends Error {
  readonly refusal: Refusal;
  readonly stored: Stored | null;

  constructor(refusal: Refusal, stored: Stored | null) {
    super(refusal.code);
    this.refusal = refusal;
    this.stored = stored;
  }
}

/**
 * Decides a command in a transaction of its own: locks, limits, the application's hooks and the move to the
 * archive, all or nothing. Null when another writer came first: judge again.
 */
export async function decide(
  context: FlowContext,
  owner: string,
  given: Judging,
  command: Command,
  served: Served,
): Promise<Decided | null> {
  const deciding = () =>
    context.db.transaction().execute((tx) => decideWithin(tx, context, owner, given, command, served));
  try {
    return await (alwaysLocks(context, command, served) ? context.turns.run(owner, deciding) : deciding());
  } catch (error) {
    if (error instanceof RevisionConflict) return null;
    if (error instanceof RolledBack) return { outcome: refused(error.refusal), stored: error.stored };
    // A hook may leave its transaction broken, or a deferred constraint that fails at the commit.
    if (!(error instanceof HandlerFailed || isDataError(error))) throw error;
    const where = `Command ${command.id} (${command.kind}) of session ${command.session}.`;
    context.report(
      error instanceof HandlerFailed
        ? new SessionsError(error.code, `${error.message} ${where}`, { cause: error.cause })
        : new SessionsError("hook_failed", where, { cause: error }),
    );
    return { outcome: refused({ code: "failed" }), stored: null };
  }
}

async function decideWithin(
  tx: Transaction<Tables>,
  context: FlowContext,
  owner: string,
  given: Judging,
  command: Command,
  served: Served,
): Promise<Decided | null> {
  const ours = tx.withSchema(context.schema);
  await boundStatements(ours, context.bounds.handlerMs);
  const since = new Date(context.now()).toISOString();
  const { ownerSessions } = context.bounds;
  const isLocked =
    alwaysLocks(context, command, served) ||
    (command.kind === "start" && (await hasOpen(ours, owner, ownerSessions - NEAR_SESSIONS, since)));
  // The owner before the session, always: two transactions that took them crosswise would deadlock.
  if (isLocked) await lockOwner(ours, owner, since);
  const before = await loadActive(ours, owner, command.session, true);
  if (before === null && command.kind !== "start") return null;
  // Read after the locks: what limits count is then ordered as it was decided.
  const nowMs = context.now();

  const judgement = judge(context.flows, before, command, { nowMs, ...given });
  if (judgement.settled) return { outcome: judgement.outcome, stored: before };
  const { advanced } = judgement;

  if (
    command.kind === "start" &&
    isLocked &&
    (await hasOpen(ours, owner, ownerSessions, new Date(nowMs).toISOString()))
  ) {
    const limit = { limit: "open sessions of one owner", atMost: ownerSessions, resetsAt: null };
    return { outcome: refused({ code: "limit_reached", ...limit }), stored: before };
  }
  const using = command.kind === "start" ? "start" : advanced.session.status === "completed" ? "complete" : null;
  for (const limit of served.limits.filter(({ on }) => on === using)) {
    const refusal = await limit.check({ tx: ours, owner, flow: served.flow.name, nowMs });
    if (refusal !== null) return { outcome: refused(refusal), stored: before };
  }

  // The application's own tables are typed by its declaration; its statements carry no schema of ours.
  const theirs = tx as unknown as Transaction<ApplicationTables>;
  const hooked = await runHandlers(served, advanced, owner, theirs, context.bounds.handlerMs);
  if (!hooked.ok) throw new RolledBack(hooked.refusal, before);

  const following = nextStored(before, hooked.session, advanced.change, command);
  const { stored } = following;
  if (!(await write(ours, context.updates, owner, before, following))) return null;
  // A start that was held up while its repeat began and ended the session finds it only now, in the archive.
  if (before === null && (await loadArchived(ours, owner, command.session)) !== null) throw new RevisionConflict();
  return { outcome: { outcome: "accepted", revision: stored.snapshot.revision, replayed: false }, stored };
}

/** Whether a command is decided under its owner's lock, however few sessions the owner has. */
function alwaysLocks({ bounds }: FlowContext, command: Command, served: Served): boolean {
  return served.limits.length > 0 || (command.kind === "start" && bounds.ownerSessions <= NEAR_SESSIONS);
}

/** Writes a session's next revision where it belongs. False when another writer came first. */
async function write(
  db: Kysely<Tables>,
  updates: Updates,
  owner: string,
  before: Stored | null,
  following: NextStored,
): Promise<boolean> {
  const { stored, entry } = following;
  if (before === null) return entry !== null && insertActive(db, owner, stored, entry);
  if (stored.snapshot.status === "active") return updates.writeOne(db, { owner, ...following });
  return moveToArchive(db, owner, before, stored, entry);
}
