import {
  progressOf,
  SessionsError,
  type AnyFlow,
  type DraftOf,
  type InputOf,
  type Outcome,
  type Snapshot,
  type StepsOf,
} from "@sessions/core/internal";
import type { OtherDevice } from "./other-device.ts";

/** A session to begin with. */
export interface Seed<Flow extends AnyFlow> {
  /** The step at which the session stands. Default: the first step without `data`. */
  readonly at?: StepsOf<Flow>;
  /** The inputs of the steps before it. */
  readonly data?: { readonly [StepName in StepsOf<Flow>]?: InputOf<Flow, StepName> };
  /** Fields that were typed and not submitted. */
  readonly drafts?: { readonly [StepName in StepsOf<Flow>]?: DraftOf<Flow, StepName> };
  /** Whose session it is. Default: the `owner` of the test server, or the first owner who has a session. */
  readonly owner?: string;
}

/** Starts a session on a device, and submits the data of the steps on its path. */
export async function seedSession<Flow extends AnyFlow>(
  flow: Flow,
  { at, data = {}, drafts = {} }: Seed<Flow>,
  device: OtherDevice,
  snapshotOf: (session: string) => Snapshot,
): Promise<Snapshot> {
  const inputs: Readonly<Record<string, unknown>> = data;
  const { session, outcome } = await device.start(flow);
  requireAccepted(outcome, `Flow ${flow.name} cannot start`);
  for (let next = currentOf(flow, snapshotOf(session)); next !== at; next = currentOf(flow, snapshotOf(session))) {
    if (next === null && at === undefined) break;
    if (next === null) throw new SessionsError("configuration_invalid", `Step ${at} is not on the path of the seed.`);
    if (!Object.hasOwn(inputs, next)) {
      if (at === undefined) break;
      throw new SessionsError("configuration_invalid", `The seed stands at ${at} and needs \`data\` of step ${next}.`);
    }
    requireAccepted(
      await device.submit(flow, session, next, inputs[next] as never),
      `The seed's step ${next} is refused`,
    );
  }
  for (const [step, fields] of Object.entries(drafts)) {
    const drafted = await device.draft(flow, session, step as StepsOf<Flow>, fields as never);
    requireAccepted(drafted, `The seed's draft of step ${step} is refused`);
  }
  return snapshotOf(session);
}

function currentOf<Flow extends AnyFlow>(flow: Flow, { status, data }: Snapshot): StepsOf<Flow> | null {
  return status === "active" ? (progressOf(flow, data).current as StepsOf<Flow> | null) : null;
}

/** The message has the places of what does not fit, and not the values. */
function requireAccepted(outcome: Outcome, what: string): void {
  if (outcome.status === "accepted") return;
  const { refusal } = outcome;
  const places =
    refusal.code === "invalid_input" ? refusal.issues.map(({ path }) => path.join(".") || "all of it") : [];
  const where = places.length > 0 ? ` (${places.join(", ")})` : "";
  throw new SessionsError("configuration_invalid", `${what}: ${refusal.code}${where}.`);
}
