import { judge, type Command, type Judgement as CoreJudgement, type JudgementContext } from "@sessions/core/internal";
import type { ServedFlow } from "../configuration/served-flow.ts";
import { matchReceipt, type StoredSession } from "../rows/stored-session.ts";

export type Judgement = CoreJudgement<ServedFlow>;

/** Judges a command by the receipts of its stored session, else by the rules. Pure. */
export function judgeOnServer(
  flows: ReadonlyMap<string, ServedFlow>,
  stored: StoredSession | null,
  command: Command,
  context: JudgementContext,
): Judgement {
  return judge(flows, stored, stored && matchReceipt(stored, command), command, context);
}
