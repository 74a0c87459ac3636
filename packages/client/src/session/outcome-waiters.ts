import { sameJson, type Outcome } from "@sessions/core/internal";
import type { Fields } from "../record/drafts.ts";
import type { SessionRecord, SubmissionOutcome } from "../record/record.ts";

/** The outcomes that callers wait for. Any tab may settle the command. */
export interface OutcomeWaiters {
  submission(id: string): Promise<SubmissionOutcome>;
  draft(step: string, fields: Fields): Promise<Outcome>;
  /** Resolves every promise whose outcome is in the record by now. */
  resolveKnown(): void;
}

export function createOutcomeWaiters(record: () => SessionRecord): OutcomeWaiters {
  const waiting = new Set<(record: SessionRecord) => unknown>();

  function until<T extends object>(answer: (record: SessionRecord) => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const resolveIfKnown = (now: SessionRecord) => {
        const outcome = answer(now);
        if (outcome) resolve(outcome);
        return outcome;
      };
      if (!resolveIfKnown(record())) waiting.add(resolveIfKnown);
    });
  }

  return {
    submission: (id) => until(({ settled }) => settled.find((entry) => entry.id === id)?.outcome),
    draft: (step, fields) => until((now) => draftOutcome(now, step, fields)),
    resolveKnown() {
      for (const resolveIfKnown of waiting) {
        if (resolveIfKnown(record())) waiting.delete(resolveIfKnown);
      }
    },
  };
}

/** The outcome of a draft; undefined while one of its fields, with this or a later value, is not on the server. */
function draftOutcome(
  { drafts, otherVersionDrafts, shelved, snapshot }: SessionRecord,
  step: string,
  fields: Fields,
): Outcome | undefined {
  const names = Object.keys(fields);
  const unsent = [
    drafts[step] ?? {},
    ...otherVersionDrafts.flatMap((draft) => (draft.step === step ? [draft.fields] : [])),
  ];
  if (names.some((field) => unsent.some((draftFields) => Object.hasOwn(draftFields, field)))) return undefined;
  const lost = shelved.find(
    ({ kind, step: shelvedStep, mine }) =>
      kind === "draft" &&
      shelvedStep === step &&
      names.some((field) => Object.hasOwn(mine as Fields, field) && sameJson((mine as Fields)[field], fields[field])),
  );
  if (lost) return { status: "refused", refusal: lost.refusal };
  return { status: "accepted", revision: snapshot?.revision ?? 0, replayed: false };
}
