import type {
  AnyFlow,
  CancelCommand,
  Json,
  Refusal,
  Snapshot,
  Stamp,
  StartCommand,
  SubmitCommand,
} from "@sessions/core/internal";

/** A command that is queued. Drafts are no queued commands: they become commands when they are pushed. */
export type QueuedCommand = StartCommand | SubmitCommand | CancelCommand;

export interface PendingCommand {
  readonly command: QueuedCommand;
  /** The value of its step when the person submitted. */
  readonly base: Json | null;
}

/** A change that could not be applied. It is kept until the person decides. */
export interface StoredShelvedChange {
  /** The command's id. A shelved draft has the id of the first command that displaced it, or its first stamp. */
  readonly id: string;
  readonly kind: "start" | "submit" | "draft" | "cancel";
  readonly step: string | null;
  readonly refusal: Refusal;
  readonly base: Json | null;
  readonly mine: Json;
  /** Only if another device typed over the draft: the newest value there, and when each field was typed here. */
  readonly over?: Overwritten & { readonly typedAt: { readonly [field: string]: Stamp } };
}

/** Another device typed over a draft without having seen it. */
export interface Overwritten {
  /** Its name is null where it is not known here. */
  readonly device: { readonly id: string; readonly name: string | null };
  /** When, by that device's clock: ISO 8601 in UTC. */
  readonly at: string;
}

/**
 * How a submission ended. `by` is the command that submitted the same value or replaced it; null if the session's end did.
 * `unknown`: a `confirm` step was sent, and the server did not answer.
 */
export type SubmissionOutcome =
  | { readonly status: "accepted"; readonly revision: number }
  | { readonly status: "superseded"; readonly by: string | null }
  | { readonly status: "refused"; readonly refusal: Refusal }
  | { readonly status: "unknown" };

/** Everything local of one session. One record, so a crash cannot keep the snapshot and lose the submission. */
export interface SessionRecord {
  /** The flow's name. */
  readonly flow: string;
  /** The flow's version of the snapshot, the drafts and the shelved changes; 0 while there are none. */
  readonly version: number;
  /** The newest state heard from the server. */
  readonly snapshot: Snapshot | null;
  /** Commands that the server has not answered, in their order. */
  readonly pending: readonly PendingCommand[];
  /** Fields that were typed here and are not yet on the server. */
  readonly drafts: Snapshot["drafts"];
  /** Drafts of a tab that runs another version than the record's. A page that can read both versions takes them up. */
  readonly otherVersionDrafts: readonly {
    readonly version: number;
    readonly step: string;
    readonly fields: Snapshot["drafts"][string];
  }[];
  readonly shelved: readonly StoredShelvedChange[];
  /** The `confirm` or `sensitive` step that was sent and is not answered, its command's id, and when: milliseconds by this device's clock. */
  readonly confirmation: { readonly id: string; readonly step: string; readonly atMs: number } | null;
  /** Client and server run different versions of the flow. Pending commands wait until one of them changes. */
  readonly outdated: boolean;
  /** How the latest commands ended, for everybody who still waits in any tab. */
  readonly settled: readonly { readonly id: string; readonly outcome: SubmissionOutcome }[];
}

/**
 * A pure step from one record to the next. It may run again: on another tab's newer record, or on a record that has the
 * change already. Then it changes nothing more.
 */
export type RecordUpdate = (record: SessionRecord) => SessionRecord;

export const unchanged: RecordUpdate = (record) => record;

export const emptyRecord: SessionRecord = {
  flow: "",
  version: 0,
  snapshot: null,
  pending: [],
  drafts: {},
  otherVersionDrafts: [],
  shelved: [],
  confirmation: null,
  outdated: false,
  settled: [],
};

/** Whether a snapshot is older than another of its session. At equal revisions the flow's version decides. */
export function isOlder(snapshot: Snapshot | null, other: Snapshot | null): boolean {
  if (other === null) return false;
  return snapshot === null || (snapshot.revision - other.revision || snapshot.version - other.version) < 0;
}

/** Whether a record has something that the server lacks. */
export function isUnsent({ pending, drafts, otherVersionDrafts }: SessionRecord): boolean {
  return pending.length + otherVersionDrafts.length + Object.keys(drafts).length > 0;
}

/** Several changes as one. */
export function compose(...changes: readonly RecordUpdate[]): RecordUpdate {
  return (record) => changes.reduce((before, change) => change(before), record);
}

/** Whether something local is not yet on the server, or waits for the person. */
export function isUnsettled(record: SessionRecord): boolean {
  return isUnsent(record) || record.shelved.length > 0 || record.confirmation !== null;
}

/** Whether nothing local says that the session exists. */
export function isSessionUnknown({ snapshot, pending, shelved }: SessionRecord): boolean {
  return snapshot === null && pending.length + shelved.length === 0;
}

/** Whether a record is of another flow's session. For this flow no such session exists. */
export function isOfOtherFlow(record: SessionRecord, flow: AnyFlow): boolean {
  return record.flow !== "" && record.flow !== flow.name;
}
