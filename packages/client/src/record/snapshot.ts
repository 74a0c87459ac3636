import type { AnyFlow, Device, DraftField, Snapshot } from "@sessions/core/internal";
import { conflictingFields, shelveUnseen, unseenOwnDrafts } from "./conflict.ts";
import { liftSnapshot } from "./lift.ts";
import { shelveOverwritten, dropSeen } from "./overwritten.ts";
import { settle, unshelve } from "./queue.ts";
import { compose, isOlder, isUnsettled, unchanged, type RecordUpdate, type SessionRecord } from "./record.ts";

/**
 * Puts a snapshot into the record, unless the record has a newer one: revisions never run backwards. A snapshot of another
 * version of the flow waits until nothing of this device is of the record's version: neither a local change nor a draft
 * that the server has.
 */
export function applySnapshot(received: Snapshot, device: Device, flow: AnyFlow | undefined): RecordUpdate {
  return (record) => {
    const snapshot = liftSnapshot(flow, received);
    const { version } = snapshot;
    if (isOlder(snapshot, record.snapshot)) return record;
    // The device that ends a session gives up its drafts there. On other devices they are shelved.
    const endedHere = snapshot.device.id === device.id && ["completed", "cancelled"].includes(snapshot.status);
    // The session itself answers a `confirm` step, once it has the step's submission or has ended.
    const { confirmation: sent } = record;
    const isAnswered = snapshot.status !== "active" || snapshot.submissions[sent?.step ?? ""]?.command === sent?.id;
    const confirmation = isAnswered ? null : sent;
    const drafts = endedHere ? {} : record.drafts;
    const next: SessionRecord = { ...record, flow: snapshot.flow, version, snapshot, confirmation, drafts };
    const unseen = unseenOwnDrafts(next, record.snapshot, device);
    // In another version their steps may have other names. So it would not be noticed that somebody submitted over them.
    const ownDraft = Object.values(unseen).flatMap(Object.values<DraftField>)[0];
    if (record.version !== version && (ownDraft || isUnsettled(record))) return { ...record, outdated: true };
    return compose(
      shelveUnseen(unseen, record.snapshot, device),
      shelveOverwritten(unseen),
      dropSeen,
      flow ? dropAgreed(flow) : unchanged,
    )(next);
  };
}

/** Removes what the server has by now: changes in which no field differs any more, and the start of the session. */
function dropAgreed(flow: AnyFlow): RecordUpdate {
  return (record) =>
    record.shelved.reduce((left, entry) => {
      const { id, kind, step } = entry;
      const snapshot = record.snapshot!;
      if (kind === "cancel" || Object.keys(conflictingFields(flow, entry, snapshot)).length > 0) return left;
      const by = snapshot.submissions[step ?? ""]?.command ?? null;
      return compose(unshelve(id), kind === "draft" ? unchanged : settle(id, { status: "superseded", by }))(left);
    }, record);
}
