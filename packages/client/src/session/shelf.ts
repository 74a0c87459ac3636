import type { AnyFlow, Json } from "@sessions/core/internal";
import { conflictingFields, serverFields } from "../record/conflict.ts";
import type { Fields } from "../record/drafts.ts";
import { unshelve } from "../record/queue.ts";
import type { StoredShelvedChange } from "../record/record.ts";
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
): (change: StoredShelvedChange) => ShelvedChange {
  const { store } = sync;
  // A button is pressed twice more easily than once.
  const decided = new Map<string, SubmissionHandle | DraftHandle>();

  const shelved = () => store.records.get(session)?.shelved ?? [];

  function again(change: StoredShelvedChange): SubmissionHandle | DraftHandle {
    switch (change.kind) {
      case "start": {
        const others = shelved().filter(({ id }) => id !== change.id);
        const started = actions.start(change);
        // The changes that were shelved with the start need it, in this order.
        for (const other of others) retry(other);
        return started;
      }
      case "submit":
        return actions.submit(change.step!, change.mine, change);
      case "cancel":
        return actions.cancel(change);
      case "draft":
        return actions.draft(change.step!, change.mine as Fields, change);
    }
  }

  function retry(change: StoredShelvedChange): SubmissionHandle | DraftHandle {
    sync.assertOpen();
    const before = decided.get(change.id);
    if (before !== undefined && !shelved().some(({ id }) => id === change.id)) return before;
    const submission = again(change);
    decided.set(change.id, submission);
    return submission;
  }

  function discard({ id, kind }: StoredShelvedChange): Promise<void> {
    sync.assertOpen();
    // Without its start there is no session for the rest.
    return store.change(session, kind === "start" ? (record) => ({ ...record, shelved: [] }) : unshelve(id));
  }

  return (change) => {
    const { over = null, ...rest } = change;
    const snapshot = store.records.get(session)?.snapshot ?? null;
    const theirs = serverFields(change, snapshot);
    const keepMine = () => retry(change);
    const takeTheirs = () => discard(change);
    if (change.refusal.code !== "conflict") {
      return { ...rest, type: "refused", theirs, retry: keepMine, discard: takeTheirs } as ShelvedChange;
    }
    const merge = (value: Json) => retry({ ...change, mine: value });
    const fields = conflictingFields(flow, change, snapshot);
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
