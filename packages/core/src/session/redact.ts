import { mapFields, pickFields } from "../fields.ts";
import type { AnyFlow } from "../flow/flow.ts";
import { stepMappingFor } from "./lift.ts";
import type { Snapshot } from "../protocol/snapshot.ts";

/**
 * A session as it may be sent to a device: null stands for the data of a sensitive step. The step may be sensitive in the
 * session's own version of the flow, which its submission says, or only in a later version. `flow` may have another version,
 * or be undefined.
 */
export function redact(flow: AnyFlow | undefined, session: Snapshot): Snapshot {
  const { data, inputs, drafts } = session;
  const secret = [...Object.keys(data), ...Object.keys(drafts)].filter((step) => isSensitive(flow, session, step));
  if (secret.length === 0) return session;
  const redacted = (values: Snapshot["data"]) =>
    mapFields(values, (value, step) => (secret.includes(step) ? null : value));
  const visibleDrafts = pickFields(drafts, (step) => !secret.includes(step));
  return { ...session, data: redacted(data), inputs: redacted(inputs), drafts: visibleDrafts };
}

function isSensitive(flow: AnyFlow | undefined, { version, submissions }: Snapshot, step: string): boolean {
  if (submissions[step]?.sensitive) return true;
  if (flow === undefined || version >= flow.version) return false;
  try {
    return stepMappingFor(flow, version, step)?.definition?.sensitive ?? false;
  } catch {
    // Without a migration the step's place in this version is not known.
    return true;
  }
}
