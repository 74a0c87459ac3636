import { SessionsError } from "../error.ts";
import type { AnyFlow } from "../flow/flow.ts";
import type { Command } from "../protocol/command.ts";
import { MAX_SESSION_COMMANDS, type Outcome } from "../protocol/protocol.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import type { Refusal } from "../refusal.ts";
import { advance, type Advanced, type AdvanceContext } from "../session/advance.ts";
import { guestRefusal } from "./guest.ts";
import { proofRefusal, type Proof } from "./proof.ts";

/**
 * The result of judging a command, in memory: an outcome, or a change that is not written yet. `fault` is reported to the
 * application. Three words name three results. `advance` and the receipts give a judgement. Writing it, or running its
 * handlers, gives a decision. The client is told the `Outcome` of the decision.
 */
export type Judgement<Served> =
  | { readonly settled: true; readonly outcome: Outcome; readonly fault?: SessionsError | undefined }
  | { readonly settled: false; readonly advanced: Extract<Advanced, { accepted: true }>; readonly served: Served };

/** What a judgement needs of a stored session. */
export interface JudgedSession {
  readonly snapshot: Snapshot;
  /** The number of the newest entry of its history. */
  readonly lastEntry: number;
}

/** When a command is judged, which device and whether a guest sent it, and what is known of the person's proof. Drafts need no proof. */
export interface JudgementContext extends AdvanceContext {
  readonly proof?: Proof;
  /** Whether a guest of the session sent it. */
  readonly guest?: object | undefined;
}

export const refusedOutcome = (refusal: Refusal): Outcome => ({ status: "refused", refusal });

/**
 * Judges a command by its receipt, else by the rules. Pure. `receipt` is what the session has for the command's id: its
 * revision, or "mismatch" if the id belongs to a command with another body; null for nothing.
 */
export function judge<Served extends { readonly flow: AnyFlow }>(
  flows: ReadonlyMap<string, Served>,
  stored: JudgedSession | null,
  receipt: { readonly revision: number } | "mismatch" | null,
  command: Command,
  context: JudgementContext,
): Judgement<Served> {
  const settle = (outcome: Outcome): Judgement<Served> => ({ settled: true, outcome });

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
  const refusal = context.guest && guestRefusal(served.flow, advanced.change);
  if (refusal) return settle(refusedOutcome(refusal));
  return refusedForProof(served.flow, advanced, context) ?? { settled: false, advanced, served };
}

/** Only the server judges the proof, last of the rules: nobody proves who they are for a command that is refused anyway. */
function refusedForProof(
  flow: AnyFlow,
  { change, session }: Extract<Advanced, { accepted: true }>,
  { proof = {}, nowMs }: JudgementContext,
): Extract<Judgement<never>, { settled: true }> | null {
  if (change?.kind !== "submit") return null;
  try {
    const refusal = proofRefusal(flow, change.step, session, proof, nowMs);
    return refusal && { settled: true, outcome: refusedOutcome(refusal) };
  } catch (error) {
    if (!(error instanceof SessionsError)) throw error;
    return { settled: true, outcome: refusedOutcome({ code: "failed" }), fault: error };
  }
}
