import type { Conflict, DraftHandle, SessionState, SubmissionHandle } from "@sessions/client";
import {
  sameJson,
  type AnyFlow,
  type DraftOf,
  type InputOf,
  type Json,
  type FieldPathsOf,
  type Refusal,
  type StepsOf,
  type FormValuesOf,
} from "@sessions/core/internal";
import { useCallback, useMemo, useState } from "react";
import { useSessionsClient } from "./sessions-provider.tsx";
import { useSession } from "./use-session.ts";

/** One step of a session, for the form that shows it. */
export interface UseStepResult<Flow extends AnyFlow, StepName extends StepsOf<Flow>> {
  /** The values that the form shows, by field: the draft of any device, or else the submitted input as it was typed. The same object until a value changes. */
  readonly values: FormValuesOf<Flow, StepName>;
  /** Keeps typed fields. It leaves out fields that are the same in `values`. */
  draft(fields: DraftOf<Flow, StepName>): DraftHandle;
  submit(input: InputOf<Flow, StepName>): SubmissionHandle;
  /** Whether the last submission of this hook waits for the server's answer. Offline it waits until the device is online. */
  readonly pending: boolean;
  /**
   * Whether this `confirm` step was sent and the server has not said yet how it ended, also after a reload. If `pending`
   * is false then, no answer has come, and nobody knows whether it happened.
   */
  readonly confirming: boolean;
  /**
   * Why the last submission of this hook was refused, or why the fields that were typed last could not be kept. Null if
   * nothing was refused, and again once the person types, submits or decides.
   */
  readonly refusal: Refusal | null;
  /**
   * The refusal's messages: the first one for each field or part of a field, by its path, as in `"street"`,
   * `"address.street"` and `"lines.0.amount"`. The message for the whole input is under `""`.
   */
  readonly issues: { readonly [Path in FieldPathsOf<Flow, StepName> | ""]?: string };
  /** A conflict between a change of this step here and one elsewhere. It waits for the person's decision; null for none. */
  readonly conflict: Extract<Conflict<Flow>, { readonly step: StepName }> | null;
}

interface Last {
  readonly session: object;
  readonly step: string;
  readonly made: SubmissionHandle | DraftHandle;
  readonly pending: boolean;
  readonly refusal: Refusal | null;
}

/**
 * One step of a session, for a form of any form library. The form shows `values` and `issues`, calls `draft` at every
 * change, and calls `submit` at the end. The functions stay the same from render to render.
 *
 * @example
 * const { values, draft, submit, issues } = useStep(transfer, id, "amount");
 */
export function useStep<Flow extends AnyFlow, const StepName extends StepsOf<Flow>>(
  flow: Flow,
  id: string,
  step: StepName,
): UseStepResult<Flow, StepName> {
  const session = useSessionsClient().open(flow, id);
  const state = useSession(flow, id);
  const [last, setLast] = useState<Last | null>(null);

  // The flow's own schemas made the submitted input. A draft may hold any JSON.
  const shown = valuesOf(state, step);
  const [values, setValues] = useState(shown);
  // Equal values stay the same object, in any order of fields. React renders again before anybody sees the old values.
  if (!sameJson(values, shown)) setValues(shown);

  const draft = useCallback(
    (fields: DraftOf<Flow, StepName>) => {
      const made = session.draft(step, changed(fields, valuesOf(session.state, step)));
      setLast((before) => (before?.refusal ? null : before));
      void made.refused.then((refusal) => {
        if (refusal && isUnkept(refusal)) setLast({ session, step, made, pending: false, refusal });
      });
      return made;
    },
    [session, step],
  );

  const submit = useCallback(
    (input: InputOf<Flow, StepName>) => {
      const submission = session.submit(step, input);
      setLast({ session, step, made: submission, pending: true, refusal: null });
      void submission.settled.then((outcome) => {
        const refusal = outcome.status === "refused" ? outcome.refusal : null;
        setLast((now) => (now?.made === submission ? { ...now, pending: false, refusal } : now));
      });
      return submission;
    },
    [session, step],
  );

  // Null if the component was given another session or step since the last submission.
  const mine = last?.session === session && last.step === step ? last : null;
  const conflict = state.shelved.find((entry) => entry.type === "conflict" && entry.step === step) ?? null;
  const refusal = mine?.refusal && !isOver(mine.refusal, step, state, conflict) ? mine.refusal : null;
  const confirming = state.confirming === step;
  return useMemo(
    () => ({
      // The application's own forms made these values.
      values: values as FormValuesOf<Flow, StepName>,
      draft,
      submit,
      pending: mine?.pending ?? false,
      confirming,
      refusal,
      issues: issuesOf(refusal) as UseStepResult<Flow, StepName>["issues"],
      // The conflict was found by its step.
      conflict: conflict as UseStepResult<Flow, StepName>["conflict"],
    }),
    [values, draft, submit, mine?.pending, confirming, refusal, conflict],
  );
}

/** Whether typed fields caused the refusal. A session that has ended says so itself. */
function isUnkept({ code }: Refusal): boolean {
  return code === "invalid_input" || code === "too_large";
}

/** Whether the cause of a refusal is gone: the conflict is decided, or the step is reachable. */
function isOver({ code }: Refusal, step: string, { progress }: SessionState, conflict: object | null): boolean {
  if (code === "conflict") return conflict === null;
  return code === "step_unreachable" && progress.open.includes(step);
}

function valuesOf<Flow extends AnyFlow>(
  { inputs, drafts }: Pick<SessionState<Flow>, "inputs" | "drafts">,
  step: StepsOf<Flow>,
) {
  return { ...(inputs[step] as object | null), ...drafts[step] } as Readonly<Record<string, Json | undefined>>;
}

function changed<Fields extends Readonly<Record<string, Json | undefined>>>(
  fields: Fields,
  shown: Readonly<Record<string, Json | undefined>>,
): Fields {
  const others = Object.entries(fields).filter(([field, value]) => !sameJson(value, shown[field]));
  return Object.fromEntries(others) as Fields;
}

function issuesOf(refusal: Refusal | null): Readonly<Record<string, string>> {
  if (refusal?.code !== "invalid_input") return {};
  const found = refusal.issues.map(({ path, message }) => [path.join("."), message]);
  // The first message of a path is kept.
  return Object.fromEntries(found.reverse());
}
