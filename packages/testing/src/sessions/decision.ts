import {
  HandlerFailedError,
  judge,
  refusedOutcome,
  runHandlers,
  SessionsError,
  type Command,
  type Judgement,
  type JudgementContext,
  type LimitContext,
  type Outcome,
  type Refusal,
} from "@sessions/core/internal";
import type { ServedFlow } from "../serve.ts";
import type { SessionStore } from "./session-store.ts";
import { matchReceipt, nextStored, type StoredSession } from "./stored-session.ts";

export interface DecisionContext {
  readonly store: SessionStore;
  /** By their names. The test may replace them. */
  readonly flows: () => ReadonlyMap<string, ServedFlow>;
  readonly now: () => number;
  /** The refusal that a test has staged for a command that would be accepted. */
  readonly stagedRefusal: (command: Command) => Refusal | undefined;
  readonly report: (fault: SessionsError) => void;
}

export type AcceptedJudgement = Extract<Judgement<ServedFlow>, { settled: false }>;

export function judgeStored(
  { flows }: DecisionContext,
  stored: StoredSession | null,
  command: Command,
  context: JudgementContext,
): Judgement<ServedFlow> {
  return judge(flows(), stored, stored && matchReceipt(stored, command), command, context);
}

/** Checks the limits of an accepted command, runs the application's handlers, and keeps the session, all or nothing. */
export async function decide(
  context: DecisionContext,
  owner: string,
  before: StoredSession | null,
  command: Command,
  { advanced, served }: AcceptedJudgement,
): Promise<Outcome> {
  const staged = context.stagedRefusal(command);
  if (staged !== undefined) return refusedOutcome(staged);
  const event = command.kind === "start" ? "start" : advanced.session.status === "completed" ? "complete" : null;
  for (const limit of served.limits.filter(({ on }) => on === event)) {
    const refusal = await limit.check(limitContext(context, owner, served.flow.name));
    if (refusal !== null) return refusedOutcome(refusal);
  }
  try {
    const handled = await runHandlers(served, advanced, before?.hidden ?? {}, { owner }, runGuarded);
    if (!handled.ok) return refusedOutcome(handled.refusal);
    context.store.put(owner, nextStored(before, handled.session, advanced.change, command, handled.hidden));
    return { status: "accepted", revision: handled.session.revision, replayed: false };
  } catch (error) {
    const where = `Command ${command.id} (${command.kind}) of session ${command.session}.`;
    context.report(
      error instanceof HandlerFailedError
        ? new SessionsError(error.code, `${error.message} ${where}`, { cause: error.cause })
        : new SessionsError("internal", where, { cause: error }),
    );
    return refusedOutcome({ code: "failed" });
  }
}

function limitContext({ store, now }: DecisionContext, owner: string, flow: string): LimitContext {
  const nowMs = now();
  const ofFlow = () => store.all(owner).flatMap(({ snapshot }) => (snapshot.flow === flow ? [snapshot] : []));
  return {
    nowMs,
    countOpen: async () =>
      ofFlow().filter(({ status, expiresAt }) => status === "active" && Date.parse(expiresAt) > nowMs).length,
    nthNewestCompletionMs: async (nth, fromMs) => {
      const ends = ofFlow().flatMap(({ status, endedAt }) => (status === "completed" ? [Date.parse(endedAt!)] : []));
      return ends.filter((endMs) => endMs >= fromMs).toSorted((one, other) => other - one)[nth - 1] ?? null;
    },
  };
}

async function runGuarded(run: () => unknown, where: string): Promise<unknown> {
  try {
    return await run();
  } catch (cause) {
    throw new HandlerFailedError("handler_failed", `${where} threw.`, { cause });
  }
}
