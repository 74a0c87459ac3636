import { advance, type AnyFlow, type Command, type Device, type Snapshot } from "@sessions/core/internal";
import { mergeDrafts } from "./drafts.ts";
import type { SessionRecord } from "./record.ts";

/**
 * The session that the screen shows: the newest snapshot, with the pending commands and the drafts of this device on top.
 * A pending command that the rules refuse on this snapshot changes nothing: the server decides on it.
 */
export function viewOf(flow: AnyFlow, record: SessionRecord, device: Device): Snapshot | null {
  let view = record.snapshot;
  for (const { command } of record.pending) {
    const advanced = judgeIgnoringDeadline(flow, view, command, device, mintedMs(command));
    if (advanced.accepted) view = advanced.session;
  }
  return view?.status === "active" ? { ...view, drafts: mergeDrafts(view.drafts, record.drafts) } : view;
}

/**
 * Judges a command as if the session's deadline had not passed. Another device may have extended the deadline, so only the
 * server says `expired`.
 */
export function judgeIgnoringDeadline(
  flow: AnyFlow,
  view: Snapshot | null,
  command: Command,
  device: Device,
  nowMs: number,
) {
  const deadlineMs = view === null ? Infinity : Date.parse(view.expiresAt);
  return advance(flow, view, command, { device, nowMs: Math.min(nowMs, deadlineMs - 1) });
}

/** When a command was made: the first 48 bits of a UUIDv7 are milliseconds (RFC 9562). So the view depends on the record alone. */
function mintedMs({ id }: Command): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
