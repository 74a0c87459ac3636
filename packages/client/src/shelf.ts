import { parse, sameJson, type AnyFlow, type Json } from "@sessions/core";
import type { Fields } from "./drafts.ts";
import { unshelved } from "./queue.ts";
import type { ShelvedChange } from "./record.ts";
import type { SessionActions } from "./session-actions.ts";
import type { FieldConflict, Shelved } from "./state.ts";
import type { Store } from "./store.ts";
import { settlementOf, submissionOf, type Submission } from "./submission.ts";

/** Gives a session's shelved changes their ways out. */
export function createShelf(
  flow: AnyFlow,
  session: string,
  store: Store,
  actions: SessionActions,
): (entry: ShelvedChange) => Shelved {
  // A button is pressed twice more easily than once.
  const decided = new Map<string, Submission>();

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
        const { stored, settled } = actions.draft(entry.step!, entry.mine as Fields, entry);
        return submissionOf(entry.id, { stored, settled: settled.then(settlementOf) });
      }
    }
  }

  function retry(entry: ShelvedChange): Submission {
    actions.assertOpen();
    const before = decided.get(entry.id);
    if (before !== undefined && !shelved().some(({ id }) => id === entry.id)) return before;
    const submission = again(entry);
    decided.set(entry.id, submission);
    return submission;
  }

  function discard({ id, kind }: ShelvedChange): Promise<void> {
    actions.assertOpen();
    // Without its start there is no session for the rest.
    return store.change(session, kind === "start" ? (record) => ({ ...record, shelved: [] }) : unshelved(id));
  }

  return (entry) => {
    const { kind, step, base, mine } = entry;
    const theirs = store.records.get(session)?.snapshot?.data[step ?? ""] ?? null;
    const keepMine = () => retry(entry);
    const takeTheirs = () => discard(entry);
    if (entry.refusal.code !== "conflict") {
      return { ...entry, conflict: false, theirs, retry: keepMine, discard: takeTheirs } as Shelved;
    }
    const merge = (value: Json) => retry({ ...entry, mine: value });
    // A page of another version may not know the step.
    const submitted = kind === "submit" && Object.hasOwn(flow.steps, step!) && parse(flow.steps[step!], step!, mine);
    // As it would stand: a schema may have changed what was submitted there.
    const given = submitted && submitted.ok ? submitted.value : mine;
    const fields = differing(base as Fields | null, given as Fields, theirs as Fields | null, kind === "draft");
    // The flow's own schemas made the values.
    return { ...entry, conflict: true, theirs, fields, keepMine, takeTheirs, merge } as Shelved<AnyFlow>;
  };
}

/** A draft names some of its step's fields, a submission all. */
function differing(
  base: Fields | null,
  mine: Fields,
  theirs: Fields | null,
  some: boolean,
): Record<string, FieldConflict> {
  const names = Object.keys({ ...mine, ...(some ? {} : theirs) });
  return Object.fromEntries(
    names
      .filter((field) => !sameJson(mine[field], theirs?.[field]))
      .map((field) => [field, { base: base?.[field], mine: mine[field], theirs: theirs?.[field] }]),
  );
}
