import type { AnyFlow } from "../flow/flow.ts";
import { planFor } from "./lift.ts";
import type { Snapshot } from "../protocol/snapshot.ts";

/**
 * A session as a device may be told it: null for what a sensitive step holds, be it sensitive in the session's own
 * version of the flow, which its submission says, or only in a later one. `flow` may be of another version, or none.
 */
export function redact(flow: AnyFlow | undefined, session: Snapshot): Snapshot {
  const { data, inputs, drafts } = session;
  const secret = [...Object.keys(data), ...Object.keys(drafts)].filter((step) => isSensitive(flow, session, step));
  if (secret.length === 0) return session;
  const told = (values: Snapshot["data"]) =>
    Object.fromEntries(Object.entries(values).map(([step, value]) => [step, secret.includes(step) ? null : value]));
  const typed = Object.entries(drafts).filter(([step]) => !secret.includes(step));
  return { ...session, data: told(data), inputs: told(inputs), drafts: Object.fromEntries(typed) };
}

function isSensitive(flow: AnyFlow | undefined, { version, submissions }: Snapshot, step: string): boolean {
  if (submissions[step]?.sensitive) return true;
  if (flow === undefined || version >= flow.version) return false;
  try {
    return planFor(flow, version, step)?.definition?.sensitive ?? false;
  } catch {
    // Without a migration it is not known what became of it.
    return true;
  }
}
