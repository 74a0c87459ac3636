import {
  advance,
  MAX_SESSION_COMMANDS,
  type Advanced,
  type AdvanceContext,
  type Command,
  type Outcome,
  type Refusal,
  SessionsError,
} from "@sessions/core/internal";
import { guestRefusal } from "../configuration/guest.ts";
import type { Guest } from "../configuration/identity.ts";
import { proofRefusal, type Proof } from "../configuration/proof.ts";
import type { ServedFlow } from "../configuration/served-flow.ts";
import { matchReceipt, type StoredSession } from "../rows/stored-session.ts";

/**
 * The result of judging a command, in memory: an outcome, or a change that is not written yet. `fault` is reported to the
 * application. Three words name three results. `advance` of core and the receipts give a judgement. Writing it, or running
 * its handlers, gives a `Decision`. The client is told the `Outcome` of the decision.
 */
export type Judgement =
  | { readonly settled: true; readonly outcome: Outcome; readonly fault?: SessionsError | undefined }
  | { readonly settled: false; readonly advanced: Extract<Advanced, { accepted: true }>; readonly served: ServedFlow };

/** When a command is judged, which device and whether a guest sent it, and what is known of the person's proof. Drafts need no proof. */
export interface JudgementContext extends AdvanceContext {
  readonly proof?: Proof;
  readonly guest?: Guest | undefined;
}

export const refusedOutcome = (refusal: Refusal): Outcome => ({ status: "refused", refusal });

/** Judges a command by its receipt, else by the rules. Pure. */
export function judgeOnServer(
  flows: ReadonlyMap<string, ServedFlow>,
  stored: StoredSession | null,
  command: Command,
  context: JudgementContext,
): Judgement {
  const settle = (outcome: Outcome): Judgement => ({ settled: true, outcome });

  const receipt = stored && matchReceipt(stored, command);
  if (receipt === "mismatch") return settle(refusedOutcome({ code: "command_mismatch" }));
  if (receipt) return settle({ status: "accepted", revision: receipt.revision, replayed: true });

  const flow = stored?.snapshot.flow ?? (command.kind === "start" ? command.flow : undefined);
  if (flow === undefined) return settle(refusedOutcome({ code: "not_found" }));
  const served = flows.get(flow);
  if (served === undefined) return settle(refusedOutcome({ code: "flow_not_served", flow }));

  const advanced = advance(served.flow, stored?.snapshot ?? null, command, context);
  if (!advanced.accepted) return { settled: true, outcome: refusedOutcome(advanced.refusal), fault: advanced.fault };
  if (stored !== null && advanced.session === stored.snapshot) {
    return settle({ status: "accepted", revision: stored.snapshot.revision, replayed: true });
  }
  // A command that ends the session is always possible.
  const isFull = stored !== null && stored.lastEntry >= MAX_SESSION_COMMANDS && advanced.session.status === "active";
  if (isFull && advanced.change?.kind === "submit") {
    return settle(refusedOutcome({ code: "too_many_commands", atMost: MAX_SESSION_COMMANDS }));
  }
  const refusal = context.guest && guestRefusal(served, advanced.change);
  if (refusal) return settle(refusedOutcome(refusal));
  return refusedForProof(served, advanced, context) ?? { settled: false, advanced, served };
}

/** Only the server judges the proof, last of the rules: nobody proves who they are for a command that is refused anyway. */
function refusedForProof(
  { flow }: ServedFlow,
  { change, session }: Extract<Advanced, { accepted: true }>,
  { proof = {}, nowMs }: JudgementContext,
): Judgement | null {
  if (change?.kind !== "submit") return null;
  try {
    const refusal = proofRefusal(flow, change.step, session, proof, nowMs);
    return refusal && { settled: true, outcome: refusedOutcome(refusal) };
  } catch (error) {
    if (!(error instanceof SessionsError)) throw error;
    return { settled: true, outcome: refusedOutcome({ code: "failed" }), fault: error };
  }
}
