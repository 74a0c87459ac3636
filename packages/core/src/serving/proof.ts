import { durationMs } from "../duration.ts";
import { SessionsError } from "../error.ts";
import { assuranceLevels, type AssuranceLevel } from "../flow/assurance-level.ts";
import type { AnyFlow } from "../flow/flow.ts";
import type { Step } from "../flow/step.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import type { Refusal } from "../refusal.ts";

/** How old the proof of a person may be, in milliseconds, and how strong it must be. */
interface RequiredProof {
  readonly freshMs?: number;
  readonly level?: AssuranceLevel;
}

/** What is known of a sign-in's proof. */
export interface Proof {
  /**
   * When the person last proved who they are, in milliseconds since 1970; null for a visitor, who never did. Steps with
   * `fresh` or `level` need it.
   */
  readonly provedAt?: number | null | undefined;
  /** How surely they proved it. Steps with `level` need it. */
  readonly level?: AssuranceLevel | undefined;
}

/** @throws {SessionsError} `configuration_invalid` if a step asks for a proof that nobody could give, or be asked for. */
export function checkProofs(flow: AnyFlow): void {
  const invalid = (step: string, detail: string) =>
    new SessionsError("configuration_invalid", `Flow ${flow.name}: step ${step} ${detail}`);
  for (const name of Object.keys(flow.fresh ?? {})) {
    if (!flow.stepNames.includes(name))
      throw invalid(name, "is asked for a fresh proof, and the flow has no such step.");
  }
  for (const [name, step] of Object.entries<Step>(flow.steps)) {
    if (step.fresh !== undefined && durationMs(step.fresh) === undefined) {
      throw invalid(name, 'has a `fresh` that is no duration, such as "5m".');
    }
    if (step.level !== undefined && !assuranceLevels.includes(step.level)) {
      throw invalid(name, "has a `level` that is none of aal1, aal2 and aal3.");
    }
    // A step that is queued may be sent when nobody is there to prove anything.
    if (step.queued && asksForProof(flow, name))
      throw invalid(name, "asks for a proof, and needs `confirm` or `sensitive`.");
  }
}

/**
 * The refusal of a submission whose step asks for a better proof; null if the proof will do. `session` is the session with
 * the submission.
 *
 * @throws {SessionsError} `context_invalid` if the step asks for a proof, and `identify` tells nothing of it.
 */
export function proofRefusal(
  flow: AnyFlow,
  name: string,
  session: Pick<Snapshot, "data">,
  { provedAt, level }: Proof,
  nowMs: number,
): Refusal | null {
  if (!asksForProof(flow, name)) return null;
  if (provedAt === undefined) throw untold(flow, name, "`provedAt`");
  const required = requiredProof(flow, name, session);
  const refusal: Refusal = { code: "sign_in_again", step: name, ...required };
  if (provedAt === null) return required.freshMs === undefined && required.level === undefined ? null : refusal;
  if (required.level !== undefined && level === undefined) throw untold(flow, name, "`level`");
  const isFresh = required.freshMs === undefined || nowMs - provedAt <= required.freshMs;
  const isSure = assuranceLevels.indexOf(required.level ?? "aal1") <= assuranceLevels.indexOf(level ?? "aal1");
  return isFresh && isSure ? null : refusal;
}

/** Whether a step may ask for a proof, whatever the data. */
export function asksForProof({ steps, fresh }: AnyFlow, name: string): boolean {
  const step = steps[name] as Step;
  return step.fresh !== undefined || step.level !== undefined || Object.hasOwn(fresh ?? {}, name);
}

function requiredProof(flow: AnyFlow, name: string, session: Pick<Snapshot, "data">): RequiredProof {
  const step = flow.steps[name] as Step;
  const fresh = Object.hasOwn(flow.fresh ?? {}, name) ? freshnessOf(flow, name, session) : step.fresh;
  const freshMs = fresh === undefined ? undefined : durationMs(fresh);
  if (fresh !== undefined && freshMs === undefined) throw broken(flow, name, "returned no duration.");
  return { ...(freshMs !== undefined && { freshMs }), ...(step.level !== undefined && { level: step.level }) };
}

function freshnessOf(flow: AnyFlow, name: string, session: Pick<Snapshot, "data">) {
  const isVisible = ([step]: [string, unknown]) => (flow.steps[step] as Step | undefined)?.sensitive === false;
  const visible = Object.fromEntries(Object.entries(session.data).filter(isVisible));
  try {
    return flow.fresh?.[name]?.(visible);
  } catch (cause) {
    throw broken(flow, name, "threw.", { cause });
  }
}

const broken = (flow: AnyFlow, name: string, detail: string, options?: { readonly cause: unknown }) =>
  new SessionsError("flow_invalid", `Flow ${flow.name}: \`fresh\` of step ${name} ${detail}`, options);

const untold = (flow: AnyFlow, name: string, what: string) =>
  new SessionsError(
    "context_invalid",
    `Flow ${flow.name}: step ${name} asks for a proof, and \`identify\` returns no ${what}. Return it beside \`owner\`.`,
  );
