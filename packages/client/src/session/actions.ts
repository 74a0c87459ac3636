import {
  advance,
  fieldNames,
  notStorable,
  seenBy,
  SessionsError,
  storable,
  submittedInput,
  dropSubmitted,
  type AnyFlow,
  type Command,
  type Json,
  type Refusal,
  type Snapshot,
  type Stamp,
  type Storable,
  type SubmitCommand,
} from "@sessions/core";
import type { Confirmation } from "./confirmation.ts";
import { changedFields, newestTyped, ownSlot, stampFields, keepDraft, type Fields } from "../record/drafts.ts";
import { keepOverwritten } from "../record/overwritten.ts";
import { enqueue, unsettled, unshelved, wasUnsettled } from "../record/queue.ts";
import {
  sequence,
  unchanged,
  type QueuedCommand,
  type SessionRecord,
  type Settlement,
  type ShelvedChange,
} from "../record/record.ts";
import type { Sync } from "../sync/sync.ts";
import {
  draftOf,
  endedAtOnce,
  submissionOf,
  type PendingSubmission,
  type PendingDraft,
  type Draft,
  type Submission,
} from "./submission.ts";
import { judgedAtMs, viewOf } from "../record/view.ts";
import type { Outcomes } from "./outcomes.ts";

/**
 * What a person does in one session, judged by the rules first on what the person sees. What is done `instead`
 * of a shelved change takes that off the shelf once it is accepted. Whatever is done waits for `untilKnown`: whether
 * there is such a session, and what it holds.
 */
export interface SessionActions {
  draft(step: string, fields: Fields, instead?: ShelvedChange): Draft;
  submit(step: string, input: unknown, instead?: ShelvedChange): Submission;
  cancel(instead?: ShelvedChange): Submission;
  /** The start again; `sessions.start` makes the first one. */
  start(instead: ShelvedChange): Submission;
  /** @throws {SessionsError} `closed` */
  assertOpen(): void;
  /** What was done before the session was known, in order: it is in memory alone. */
  readonly early: readonly Early[];
}

/** What waits until its session is known; `fields` of what was typed. */
export interface Early {
  readonly step: string | null;
  readonly fields: Fields;
}

export function createActions(
  flow: AnyFlow,
  session: string,
  sync: Sync,
  recordNow: () => SessionRecord,
  confirmation: Confirmation,
  waiting: Outcomes,
  untilKnown: () => Promise<void> | undefined,
  onEarly: () => void,
): SessionActions {
  const { store, connection, environment } = sync;
  const { version } = flow;
  let early: readonly Early[] = [];

  function whenKnown<T>(run: () => T, entry: Early = { step: null, fields: {} }): T | Promise<T> {
    assertOpen();
    const known = untilKnown();
    if (known === undefined) return run();
    early = [...early, entry];
    onEarly();
    return known.then(() => {
      early = early.filter((other) => other !== entry);
      try {
        return run();
      } finally {
        onEarly();
      }
    });
  }

  function assertOpen(): void {
    if (!sync.isOpen) throw new SessionsError("closed", `Session ${session}.`);
  }

  function judge(view: Snapshot | null, command: Command) {
    return advance(flow, view, command, { device: sync.device(), nowMs: judgedAtMs(view, connection.now()) });
  }

  /** Why it is refused at once. Nothing may contradict an irreversible step whose outcome only the server knows. */
  function refusalNow(view: Snapshot | null, command: Command): Refusal | null {
    const record = recordNow();
    if (record.confirmation) return unsettled(record);
    const verdict = judge(view, command);
    return verdict.accepted ? null : verdict.refusal;
  }

  function queue(command: QueuedCommand, base: Json | null, instead?: ShelvedChange): PendingSubmission<Settlement> {
    const stored = store.change(session, enqueue(command, base, instead?.id, store.mayBeSent));
    void stored.then(() => {
      sync.requestPersistence();
      sync.queued();
    });
    return { stored, settled: waiting.submission(command.id) };
  }

  function submit(step: string, input: unknown, instead?: ShelvedChange): Submission {
    const id = environment.id();
    // As it is now, whatever becomes of the application's object.
    const plain = storable(input);
    const form = formOf(input, plain);
    const begin = (): PendingSubmission<Settlement> => {
      const view = viewOf(flow, recordNow(), sync.device());
      const seen = view ? seenBy(flow, view, step) : {};
      // What is not JSON goes to the judge as it is, who says what is wrong with it.
      const given = plain.ok ? plain.value : (input as Json);
      const until = newestTyped(recordNow(), step);
      const command: SubmitCommand = {
        kind: "submit",
        id,
        session,
        version,
        step,
        input: given,
        seen,
        ...(until.length > 0 && { typed: until }),
      };

      const refusal = refusalNow(view, command);
      if (refusal) {
        if (instead === undefined) keepTyped(step, form, until);
        return refusedAtOnce(refusal);
      }
      if (!flow.steps[step].kept) return confirmation.send(command);
      const begun = queue(command, (view && submittedInput(view, step)) ?? null, instead);
      if (instead === undefined)
        void begun.settled.then((settlement) => wasUnsettled(settlement) && keepTyped(step, form, until));
      return begun;
    };
    return submissionOf(id, whenKnown(begin));
  }

  /** The form keeps what could not be submitted, so far as it can. `until`: what was typed by then it had seen. */
  function keepTyped(step: string, form: Fields | null, until: readonly Stamp[]): void {
    if (form === null || !Object.hasOwn(flow.steps, step) || !flow.steps[step].kept) return;
    const known = fieldNames(flow.steps[step]);
    const view = viewOf(flow, recordNow(), sync.device());
    // What stood or was typed there, was not typed since, and was not submitted with the rest, is empty.
    const stood = Object.keys((view && (submittedInput(view, step) as Fields | null | undefined)) ?? {});
    const shown = view?.drafts[step] ?? {};
    const since = dropSubmitted(shown, until);
    const empty = [...stood, ...Object.keys(shown)].filter((field) => ownSlot(since, field) === undefined);
    const whole = { ...Object.fromEntries(empty.map((field) => [field, undefined])), ...form };
    // Some schemas take fields that they drop.
    draft(step, Object.fromEntries(Object.entries(whole).filter(([field]) => known?.includes(field) ?? true)));
  }

  function draft(step: string, fields: Fields, instead?: ShelvedChange): Draft {
    // As it is now, whatever becomes of the application's object.
    const { plain, unkept } = plainFields(step, fields);
    const isShown = untilKnown() === undefined;
    const begin = (): PendingDraft => {
      const record = recordNow();
      const { id: device } = sync.device();
      const view = viewOf(flow, record, sync.device());
      const changed = changedFields(
        plain,
        view?.drafts[step],
        view && (submittedInput(view, step) as Fields | null | undefined),
      );
      const over = isShown ? view?.drafts[step] : undefined;
      const slots = stampFields(record, changed, device, connection.now(), over);
      const verdict = judge(view, { kind: "draft", id: environment.id(), session, version, step, fields: slots });
      const settled = () => waiting.draft(step, plain);
      if (!verdict.accepted && !isKept(verdict.refusal, step, record)) {
        return { stored: Promise.resolve(), refused: verdict.refusal, settled };
      }
      // Another tab may have heard of something newer.
      const keep =
        Object.keys(slots).length > 0 ? sequence(keepDraft(step, slots, version), keepOverwritten()) : unchanged;
      const stored = store.change(session, sequence(instead ? unshelved(instead.id) : unchanged, keep));
      void stored.then(() => {
        sync.requestPersistence();
        sync.typed();
      });
      return { stored, refused: unkept, settled };
    };
    const hasDraft = Object.hasOwn(flow.steps, step) && !flow.steps[step].sensitive;
    return draftOf(whenKnown(begin, { step, fields: hasDraft ? plain : {} }));
  }

  /** What is typed waits, too, for a page of another version, and for a start that may be made again. */
  function isKept({ code }: Refusal, step: string, { shelved }: SessionRecord): boolean {
    if (!Object.hasOwn(flow.steps, step) || flow.steps[step].sensitive) return false;
    return code === "outdated" || (code === "not_found" && shelved.some(({ kind }) => kind === "start"));
  }

  function cancel(instead?: ShelvedChange): Submission {
    const id = environment.id();
    const begin = (): PendingSubmission<Settlement> => {
      const command = { kind: "cancel", id, session, version } as const;
      const refusal = refusalNow(viewOf(flow, recordNow(), sync.device()), command);
      return refusal ? refusedAtOnce(refusal) : queue(command, null, instead);
    };
    return submissionOf(id, whenKnown(begin));
  }

  function start(instead: ShelvedChange): Submission {
    const id = environment.id();
    const command = { kind: "start", id, session, version, flow: flow.name } as const;
    return submissionOf(id, queue(command, null, instead));
  }

  return {
    draft,
    submit,
    cancel,
    start,
    assertOpen,
    get early() {
      return early;
    },
  };
}

/** What can be kept of what is typed, as JSON of its own, and why the rest cannot. `undefined` empties a field. */
function plainFields(step: string, fields: Fields): { plain: Fields; unkept: Refusal | null } {
  const plain: Record<string, Json | undefined> = {};
  const refusals: Refusal[] = [];
  for (const [field, value] of Object.entries(fields)) {
    // With its name, which may be a key that somebody typed.
    const found = storable({ [field]: value ?? null });
    if (found.ok) plain[field] = value === undefined ? undefined : (found.value as Record<string, Json>)[field]!;
    else refusals.push(notStorable(step, found));
  }
  const issues = refusals.flatMap((refusal) => (refusal.code === "invalid_input" ? refusal.issues : []));
  const [first = null] = refusals;
  return { plain, unkept: issues.length > 0 ? { code: "invalid_input", step, issues } : first };
}

/** What a form held when it was submitted, by field; `undefined` for what was empty. Null for what is no form. */
function formOf(input: unknown, plain: Storable): Fields | null {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return null;
  if (!plain.ok) return input as Fields;
  const empty = Object.keys(input).map((field) => [field, undefined]);
  return { ...Object.fromEntries(empty), ...(plain.value as Fields) };
}

function refusedAtOnce(refusal: Refusal): PendingSubmission<Settlement> {
  return endedAtOnce<Settlement>({ outcome: "refused", refusal });
}
