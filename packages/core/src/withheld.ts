import { stepOf, type AnyFlow } from "./flow.ts";
import { wayOf } from "./lift.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * A session as a device may be told it: null for what a sensitive step holds. So is what cannot be told from it: the
 * step of an earlier version that is no more, and everything of a flow that is not known.
 */
export function withheld(flow: AnyFlow | undefined, session: Snapshot): Snapshot {
  const { data, drafts, version } = session;
  const secret = [...Object.keys(data), ...Object.keys(drafts)].filter((step) => isSensitive(flow, version, step));
  if (secret.length === 0) return session;
  const told = Object.entries(data).map(([step, value]) => [step, secret.includes(step) ? null : value]);
  const typed = Object.entries(drafts).filter(([step]) => !secret.includes(step));
  return { ...session, data: Object.fromEntries(told), drafts: Object.fromEntries(typed) };
}

function isSensitive(flow: AnyFlow | undefined, version: number, step: string): boolean {
  if (flow === undefined) return true;
  if (version === flow.version) return stepOf(flow, step)?.sensitive ?? true;
  try {
    return wayOf(flow, version, step)?.definition?.sensitive ?? true;
  } catch {
    return true;
  }
}
