import type { AnyFlow, Device, Snapshot } from "@sessions/core";
import { conflictingDrafts, differing, typedBefore } from "./conflict.ts";
import { liftSnapshot } from "./lift.ts";
import { keepOverwritten, seenSince } from "./overwritten.ts";
import { settled, unshelved } from "./queue.ts";
import { sequence, isOlder, isUnsettled, unchanged, type RecordUpdate, type SessionRecord } from "./record.ts";

/**
 * Takes a snapshot, unless the record has a newer one: revisions never run backwards. One of another version of the
 * flow waits until nothing local is in the words of this one.
 */
export function applySnapshot(given: Snapshot, device: Device, flow: AnyFlow | undefined): RecordUpdate {
  return (record) => {
    const snapshot = liftSnapshot(flow, given);
    const { version } = snapshot;
    if (isOlder(snapshot, record.snapshot)) return record;
    if (record.version !== version && isUnsettled(record)) return { ...record, outdated: true };
    // Whoever ends a session lets go of what is typed in it. On another device it would be shelved.
    const endedHere = snapshot.device.id === device.id && ["completed", "cancelled"].includes(snapshot.status);
    // The session itself answers an irreversible step, once it has the step's submission or has ended.
    const isOpen = ({ id, step }: NonNullable<SessionRecord["confirmation"]>) =>
      snapshot.status === "active" && snapshot.submissions[step]?.command !== id;
    const confirmation = record.confirmation && isOpen(record.confirmation) ? record.confirmation : null;
    const drafts = endedHere ? {} : record.drafts;
    const taken: SessionRecord = { ...record, flow: snapshot.flow, version, snapshot, confirmation, drafts };
    const typed = typedBefore(taken, record.snapshot, device);
    const kept = sequence(conflictingDrafts(record.snapshot, device), keepOverwritten(typed), seenSince);
    return sequence(kept, flow ? undisputed(flow) : unchanged)(taken);
  };
}

/** Lets go of conflicts in which nothing differs any more: whoever submitted what stands, it says what was meant here. */
function undisputed(flow: AnyFlow): RecordUpdate {
  return (record) =>
    record.shelved.reduce((left, entry) => {
      const { id, kind, step, refusal } = entry;
      const snapshot = record.snapshot!;
      if (refusal.code !== "conflict" || Object.keys(differing(flow, entry, snapshot)).length > 0) return left;
      const by = snapshot.submissions[step ?? ""]?.command ?? null;
      return sequence(unshelved(id), kind === "draft" ? unchanged : settled(id, { outcome: "superseded", by }))(left);
    }, record);
}
