import type { AnyFlow, Json } from "@sessions/core/internal";
import { conflictingFields, shownFields } from "../record/conflict.ts";
import type { Fields } from "../record/drafts.ts";
import { unshelve } from "../record/queue.ts";
import type { ShelvedEntry } from "../record/record.ts";
import type { SessionActions } from "./actions.ts";
import type { ShelvedChange } from "./state.ts";
import type { Sync } from "../sync/sync.ts";
import type { DraftHandle, SubmissionHandle } from "./submission.ts";

/** Gives each shelved change of a session its methods: to make it again, or to give it up. */
export function createShelf(
  flow: AnyFlow,
  session: string,
  sync: Sync,
  actions: SessionActions,
): (entry: ShelvedEntry) => ShelvedChange {
  const { store } = sync;
  // A button is pressed twice more easily than once.
  const decided = new Map<string, SubmissionHandle | DraftHandle>();

  const shelved = () => store.records.get(session)?.shelved ?? [];

  function again(entry: ShelvedEntry): SubmissionHandle | DraftHandle {
    switch (entry.kind) {
      case "start": {
        const others = shelved().filter(({ id }) => id !== entry.id);
        const started = actions.start(entry);
        // The changes that were shelved with the start need it, in this order.
        for (const other of others) retry(other);
        return started;
      }
      case "submit":
        return actions.submit(entry.step!, entry.mine, entry);
      case "cancel":
        return actions.cancel(entry);
      case "draft":
        return actions.draft(entry.step!, entry.mine as Fields, entry);
    }
  }

  function retry(entry: ShelvedEntry): SubmissionHandle | DraftHandle {
    sync.assertOpen();
    const before = decided.get(entry.id);
    if (before !== undefined && !shelved().some(({ id }) => id === entry.id)) return before;
    const submission = again(entry);
    decided.set(entry.id, submission);
    return submission;
  }

  function discard({ id, kind }: ShelvedEntry): Promise<void> {
    sync.assertOpen();
    // Without its start there is no session for the rest.
    return store.change(session, kind === "start" ? (record) => ({ ...record, shelved: [] }) : unshelve(id));
  }

  return (entry) => {
    const { over = null, ...rest } = entry;
    const snapshot = store.records.get(session)?.snapshot ?? null;
    const theirs = shownFields(entry, snapshot);
    const keepMine = () => retry(entry);
    const takeTheirs = () => discard(entry);
    if (entry.refusal.code !== "conflict") {
      return { ...rest, type: "refused", theirs, retry: keepMine, discard: takeTheirs } as ShelvedChange;
    }
    const merge = (value: Json) => retry({ ...entry, mine: value });
    const fields = conflictingFields(flow, entry, snapshot);
    const typedOver = over && { device: over.device, at: over.at };
    // The flow's own schemas made the values.
    return {
      ...rest,
      type: "conflict",
      typedOver,
      theirs,
      fields,
      keepMine,
      takeTheirs,
      merge,
    } as ShelvedChange<AnyFlow>;
  };
}
