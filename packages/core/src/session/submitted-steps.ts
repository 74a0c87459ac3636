import { pickFields } from "../fields.ts";
import type { Snapshot } from "../protocol/snapshot.ts";

/** Everything that a session has of its submitted steps. */
export type SubmittedSteps = Pick<Snapshot, "data" | "inputs" | "outputs" | "submissions">;

/** The submitted steps that pass a test. */
export function pickSteps(session: SubmittedSteps, test: (step: string) => boolean): SubmittedSteps {
  return {
    data: pickFields(session.data, test),
    inputs: pickFields(session.inputs, test),
    outputs: pickFields(session.outputs, test),
    submissions: pickFields(session.submissions, test),
  };
}
