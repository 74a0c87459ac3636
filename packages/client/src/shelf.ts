import type { Json } from "@sessions/core";
import { unshelved } from "./queue.ts";
import type { ShelvedChange } from "./record.ts";
import type { SessionActions } from "./session-actions.ts";
import type { Shelved } from "./state.ts";
import type { Store } from "./store.ts";
import { settlementOf, submissionOf, type Submission } from "./submission.ts";

/** Gives a session's shelved changes their two ways out. */
export function createShelf(session: string, store: Store, actions: SessionActions): (entry: ShelvedChange) => Shelved {
  // A button is pressed twice more easily than once.
  const retried = new Map<string, Submission>();

  const shelved = () => store.records.get(session)?.shelved ?? [];

  function again(entry: ShelvedChange): Submission {
    switch (entry.kind) {
      case "start": {
        const others = shelved().filter(({ id }) => id !== entry.id);
        const started = actions.start(entry);
        // What was shelved with the start needed it, in this order.
        for (const other of others) retry(other);
        return started;
      }
      case "submit":
        return actions.submit(entry.step!, entry.mine, entry);
      case "cancel":
        return actions.cancel(entry);
      case "draft": {
        const { stored, settled } = actions.draft(entry.step!, entry.mine as Readonly<Record<string, Json>>, entry);
        return submissionOf(entry.id, { stored, settled: settled.then(settlementOf) });
      }
    }
  }

  function retry(entry: ShelvedChange): Submission {
    actions.assertOpen();
    const before = retried.get(entry.id);
    if (before !== undefined && !shelved().some(({ id }) => id === entry.id)) return before;
    const submission = again(entry);
    retried.set(entry.id, submission);
    return submission;
  }

  return (entry) => ({
    ...entry,
    theirs: store.records.get(session)?.snapshot?.data[entry.step ?? ""] ?? null,
    retry: () => retry(entry),
    discard() {
      actions.assertOpen();
      // Without its start there is no session for the rest.
      const all = entry.kind === "start";
      return store.change(session, all ? (record) => ({ ...record, shelved: [] }) : unshelved(entry.id));
    },
  });
}
