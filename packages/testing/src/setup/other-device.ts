import {
  draftFieldOf,
  nextStamp,
  seenBy,
  seenStamps,
  SessionsError,
  type AnyFlow,
  type Command,
  type Device,
  type DraftOf,
  type InputOf,
  type Json,
  type Outcome,
  type Snapshot,
  type StepsOf,
} from "@sessions/core/internal";

/** Another device of the person. It has a connection, and sees the newest state. */
export interface OtherDevice {
  readonly device: Device;
  /** Starts a session. */
  start(flow: AnyFlow): Promise<{ readonly session: string; readonly outcome: Outcome }>;
  /** Submits a step. A page that has not seen it, and submits the step too, gets a conflict. */
  submit<Flow extends AnyFlow, StepName extends StepsOf<Flow>>(
    flow: Flow,
    session: string,
    step: StepName,
    input: InputOf<Flow, StepName>,
  ): Promise<Outcome>;
  /** Types into fields of a step. `undefined` empties a field. */
  draft<Flow extends AnyFlow, StepName extends StepsOf<Flow>>(
    flow: Flow,
    session: string,
    step: StepName,
    fields: DraftOf<Flow, StepName>,
  ): Promise<Outcome>;
  cancel(flow: AnyFlow, session: string): Promise<Outcome>;
}

export interface OtherDeviceOptions {
  readonly device: Device;
  readonly now: () => number;
  /** A new id. */
  readonly id: () => string;
  /** The session as it is now. */
  readonly snapshotOf: (session: string) => Snapshot | null;
  readonly push: (session: string, device: Device, command: Command) => Promise<Outcome>;
}

export function createOtherDevice({ device, now, id, snapshotOf, push }: OtherDeviceOptions): OtherDevice {
  const existing = (session: string): Snapshot => {
    const snapshot = snapshotOf(session);
    if (snapshot !== null) return snapshot;
    throw new SessionsError("configuration_invalid", `The test server has no session ${session}.`);
  };
  const common = ({ version }: AnyFlow, session: string) => ({ id: id(), session, version });
  return {
    device,
    async start(flow) {
      const session = id();
      const outcome = await push(session, device, { kind: "start", ...common(flow, session), flow: flow.name });
      return { session, outcome };
    },
    submit(flow, session, step, input) {
      const seen = seenBy(flow, existing(session), step);
      // The flow's schemas take JSON alone: `defineFlow` checks it.
      return push(session, device, { kind: "submit", ...common(flow, session), step, input: input as Json, seen });
    },
    draft(flow, session, step, fields) {
      const snapshot = existing(session);
      const before = snapshot.drafts[step] ?? {};
      const stamps = Object.values(before).map((field) => field.at);
      const at = nextStamp(device.id, now(), stamps.toSorted().at(-1));
      const typed = Object.entries<Json | undefined>(fields).map(([field, value]) => [
        field,
        draftFieldOf(value, at, seenStamps(before[field], device.id)),
      ]);
      const seen = { [step]: snapshot.submissions[step]?.command ?? null };
      const command = {
        kind: "draft",
        ...common(flow, session),
        step,
        fields: Object.fromEntries(typed),
        seen,
      } as const;
      return push(session, device, command);
    },
    cancel(flow, session) {
      return push(session, device, { kind: "cancel", ...common(flow, session) });
    },
  };
}
