import type { Database } from "./database.ts";
import { compose, emptyRecord, isUnsettled, type RecordUpdate, type SessionRecord } from "../record/record.ts";

export interface RecordOnDiskOptions {
  readonly id: string;
  readonly database: Database;
  /** Nothing is written before this has resolved. */
  readonly ready: Promise<void>;
  /** Lifts a record to the version of this page's flows. */
  readonly lift: (record: SessionRecord) => SessionRecord;
  /** Whether the owner was forgotten. Then nothing is read or written any more. */
  readonly isGone: () => boolean;
  /** Changes are on the disk, in this record. */
  readonly onPersisted: (persisted: SessionRecord) => Promise<void>;
  /** The disk has refused the changes. They are still in memory. */
  readonly onRefused: () => void;
}

/** One record: its persisted copy, and the changes that the copy lacks. */
export interface RecordOnDisk {
  /** The copy that was last on the disk; undefined for none. */
  readonly persisted: SessionRecord | undefined;
  readonly isPersisted: boolean;
  /** Resolves when nothing is being written. */
  readonly written: Promise<void>;
  /** Takes the copy that is on the disk now, and returns it with the changes that it lacks. */
  take(persisted: SessionRecord): SessionRecord;
  /**
   * Adds a change after the others, or before them, and writes all. One transaction writes all changes that come before it
   * begins. Never rejects.
   */
  write(change?: RecordUpdate, isFirst?: boolean): Promise<void>;
}

export function createRecordOnDisk({
  id,
  database,
  ready,
  lift,
  isGone,
  onPersisted,
  onRefused,
}: RecordOnDiskOptions): RecordOnDisk {
  let persisted: SessionRecord | undefined;
  let changes: readonly RecordUpdate[] = [];
  let writing = ready;
  // A write that has not begun.
  let next: Promise<void> | undefined;

  async function persist(): Promise<void> {
    next = undefined;
    // One transaction writes all changes that came while the last one ran.
    const batch = changes;
    if (batch.length === 0 || isGone()) return;
    let record = emptyRecord;
    const step = (before = persisted ?? emptyRecord) => (record = compose(...batch)(lift(before)));
    try {
      // Browsers report a relaxed write before it is on the disk. That is enough for a record that the server has.
      await database.update<SessionRecord>(id, step, isUnsettled(step()) ? "strict" : "relaxed");
    } catch {
      onRefused();
      return;
    }
    changes = changes.filter((change) => !batch.includes(change));
    await onPersisted(record);
  }

  return {
    get persisted() {
      return persisted;
    },
    get isPersisted() {
      return changes.length === 0;
    },
    get written() {
      return writing;
    },
    take: (record) => compose(...changes)(lift((persisted = record))),
    write(change, isFirst) {
      if (change) changes = isFirst ? [change, ...changes] : [...changes, change];
      return (next ??= writing = writing.then(persist));
    },
  };
}
