import type { AnyFlow, Device, Snapshot } from "@sessions/core";
import { differing } from "./conflict.ts";
import { displaced, typedBefore } from "./displaced.ts";
import { liftSnapshot } from "./lift.ts";
import { overtyped, seenSince } from "./overwritten.ts";
import { settled, unshelved } from "./queue.ts";
import { inOrder, isOlder, isUnsettled, unchanged, type Change, type SessionRecord } from "./record.ts";

/**
 * Takes a snapshot, unless the record has a newer one: revisions never run backwards. One of another version of the
 * flow waits until nothing local is in the words of this one.
 */
export function adopted(given: Snapshot, device: Device, flow: AnyFlow | undefined): Change {
  return (record) => {
    const snapshot = liftSnapshot(flow, given);
    const { version } = snapshot;
    if (isOlder(snapshot, record.snapshot)) return record;
    if (record.version !== version && isUnsettled(record)) return { ...record, outdated: true };
    // Whoever ends a session lets go of what is typed in it. On another device it would be shelved.
    const endedHere = snapshot.device.id === device.id && ["completed", "cancelled"].includes(snapshot.status);
    // What was asked is answered by the session itself once it shows, or has ended.
    const open = (asked: NonNullable<SessionRecord["asked"]>) =>
      snapshot.status === "active" && snapshot.submissions[asked.step]?.command !== asked.id;
    const asked = record.asked && open(record.asked) ? record.asked : null;
    const drafts = endedHere ? {} : record.drafts;
    const taken = { ...record, flow: snapshot.flow, version, snapshot, asked, drafts };
    const typed = typedBefore(taken, record.snapshot, device);
    const kept = inOrder(displaced(record.snapshot, device), overtyped(typed), seenSince);
    return inOrder(kept, flow ? undisputed(flow) : unchanged)(taken);
  };
}

/** Lets go of conflicts in which nothing differs any more: whoever submitted what stands, it says what was meant here. */
function undisputed(flow: AnyFlow): Change {
  return (record) =>
    record.shelved.reduce((left, entry) => {
      const { id, kind, step, refusal } = entry;
      const snapshot = record.snapshot!;
      if (refusal.code !== "conflict" || Object.keys(differing(flow, entry, snapshot)).length > 0) return left;
      const by = snapshot.submissions[step ?? ""]?.command ?? null;
      return inOrder(unshelved(id), kind === "draft" ? unchanged : settled(id, { outcome: "superseded", by }))(left);
    }, record);
}
