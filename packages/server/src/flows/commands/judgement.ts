import {
  judge,
  liftSession,
  refusedOutcome,
  seenBy,
  type AnyFlow,
  type Command,
  type Judgement as CoreJudgement,
  type JudgementContext as CoreJudgementContext,
  type Snapshot,
  type SubmitCommand,
} from "@sessions/core/internal";
import type { SendingService } from "../configuration/identity.ts";
import type { ServedFlow } from "../configuration/served-flow.ts";
import { matchReceipt, type StoredSession } from "../rows/stored-session.ts";

export type Judgement = CoreJudgement<ServedFlow>;

export interface JudgementContext extends CoreJudgementContext {
  /** There if a service sent the command. */
  readonly service?: SendingService | undefined;
}

/** Judges a command by the receipts of its stored session, else by the rules. Pure. */
export function judgeOnServer(
  flows: ReadonlyMap<string, ServedFlow>,
  stored: StoredSession | null,
  command: Command,
  context: JudgementContext,
): Judgement {
  const receipt = stored && matchReceipt(stored, command);
  const { service } = context;
  if (service === undefined) return judge(flows, stored, receipt, command, context);
  if (receipt === null && stored !== null && stored.snapshot.flow !== service.flow) {
    return { settled: true, outcome: refusedOutcome({ code: "not_found" }) };
  }
  const flow = flows.get(service.flow)?.flow;
  const seen = flow === undefined ? command : asSeen(flow, stored?.snapshot ?? null, command, service);
  return judge(flows, stored, receipt, seen, context);
}

/**
 * A command of a service in the version of the flow, with the submissions that it saw. It is stored as it was sent: the same
 * job sends the same command again after a deploy, or after another device has submitted the step, and finds its receipt.
 */
function asSeen(flow: AnyFlow, snapshot: Snapshot | null, command: Command, { seen }: SendingService): Command {
  const current = { ...command, version: flow.version };
  if (snapshot === null || !("step" in current)) return current;
  return { ...current, seen: seen ?? newestSeen(flow, snapshot, current.step) };
}

function newestSeen(flow: AnyFlow, snapshot: Snapshot, step: string): SubmitCommand["seen"] {
  try {
    const isOlder = snapshot.version < flow.version;
    return seenBy(flow, isOlder ? liftSession(flow, snapshot) : snapshot, step);
  } catch {
    // The session cannot be lifted. The command is refused for it.
    return {};
  }
}
