import {
  expireIfDue,
  progressOf,
  type AnyFlow,
  type Device,
  type DraftOf,
  type InputOf,
  type Json,
  type Outputs,
  type Progress,
  type Refusal,
  type ResultOf,
  type Snapshot,
  type StepsOf,
  type VisibleData,
  type VisibleInputs,
} from "@sessions/core/internal";
import type { FieldConflict } from "../record/conflict.ts";
import { draftValues } from "../record/drafts.ts";
import { emptyRecord, type Overwritten, type SessionRecord, type StoredShelvedChange } from "../record/record.ts";
import type { DraftHandle, SubmissionHandle } from "./submission.ts";

/** How far the shown session is on its way to the server. */
export interface SyncState {
  /**
   * The most urgent of:
   * - `outdated`: this page or the server needs another version. Nothing is sent, everything is kept: offer a reload.
   * - `signed_out`: nobody, or another person, is signed in here. Nothing is sent.
   * - `blocked`: the server, or something before it, refuses every request about the session. The session is `loading`,
   *   and the client goes on asking.
   * - `attention`: something is shelved, for a conflict or another refusal. It waits for the person.
   * - `offline`: the server cannot be reached.
   * - `saving`: something is not on the server yet.
   * - `saved`: everything is on the server, or nothing is known of the session yet.
   */
  readonly state: "saved" | "saving" | "offline" | "attention" | "blocked" | "signed_out" | "outdated";
  /** How many commands are not on the server yet; the drafts of a step count as one. */
  readonly pending: number;
  /** "memory": the browser refuses to store, so pending commands and drafts are lost when the page is closed. */
  readonly storage: "disk" | "memory";
}

interface ConflictIn<Flow extends AnyFlow, StepName extends StepsOf<Flow>, Kind, Mine extends object> {
  readonly type: "conflict";
  readonly id: string;
  /** `draft`: typed here and not submitted, where another device submitted or typed something else without having seen it. */
  readonly kind: Kind;
  readonly step: StepName;
  readonly refusal: Refusal;
  /** The step's submitted input, as it was typed, at the time of the change; null for none. */
  readonly base: InputOf<Flow, StepName> | null;
  /** The change that was made here. Of a draft it has the fields that would be lost. */
  readonly mine: Mine;
  /**
   * The step's submitted input on the server now, as it was typed. For a draft, the step's drafts there are on top. Null
   * for none.
   */
  readonly theirs: InputOf<Flow, StepName> | null;
  /** The fields in which `mine` and `theirs` differ. */
  readonly fields: {
    readonly [Field in keyof DraftOf<Flow, StepName>]?: FieldConflict<
      Field extends keyof Mine ? Mine[Field] : never,
      Field extends keyof InputOf<Flow, StepName> ? InputOf<Flow, StepName>[Field] : never
    >;
  };
  /** If another device typed over the draft without having seen it: which device, and when. Otherwise null. */
  readonly typedOver: Overwritten | null;
  /** Makes the change again, over the current value. A draft becomes the step's draft. */
  keepMine(): Kind extends "draft" ? DraftHandle : SubmissionHandle;
  /** Gives the change up. Resolves when that is stored. */
  takeTheirs(): Promise<void>;
  /** Makes another change instead of both: it submits the value for a submission, and types it for a draft. */
  merge(value: Mine): Kind extends "draft" ? DraftHandle : SubmissionHandle;
}

/** A change here and another elsewhere of one step. Both are kept until the person decides. */
export type Conflict<Flow extends AnyFlow = AnyFlow> = {
  [StepName in StepsOf<Flow>]:
    | ConflictIn<Flow, StepName, "submit", InputOf<Flow, StepName> & object>
    | ConflictIn<Flow, StepName, "draft", DraftOf<Flow, StepName>>;
}[StepsOf<Flow>];

/** A local change that could not be applied. It stays here until the person decides. */
export type ShelvedChange<Flow extends AnyFlow = AnyFlow> = Conflict<Flow> | RefusedChange<Flow>;

/** A local change that was refused, not because of another one. */
export interface RefusedChange<Flow extends AnyFlow = AnyFlow> {
  readonly type: "refused";
  readonly id: string;
  readonly kind: StoredShelvedChange["kind"];
  readonly step: StepsOf<Flow> | null;
  readonly refusal: Refusal;
  /** The step's value when the change was made; null for none. */
  readonly base: Json | null;
  /** The change that was made here; null for a start or a cancellation. */
  readonly mine: Json;
  /** The step's value on the server now; null for none. */
  readonly theirs: Json | null;
  /** Makes the change again, on the session as the person sees it now. A start retries the changes that were shelved with it. */
  retry(): SubmissionHandle | DraftHandle;
  /** Gives the change up. Resolves when that is stored. */
  discard(): Promise<void>;
}

interface Visible<Flow extends AnyFlow> {
  readonly id: string;
  /** The flow's name. */
  readonly flow: Flow["name"];
  /** The flow's version. It is another one while this page cannot read the session: then `drafts` has only fields typed here. */
  readonly version: number;
  /** The newest revision heard from the server; 0 while the session is only local. It never runs backwards. */
  readonly revision: number;
  /** The submitted data by step, pending submissions included. Null for a sensitive step. */
  readonly data: VisibleData<Flow>;
  /**
   * The same as it was typed, before the steps' schemas parsed it. A form shows it with `drafts` on top. Null for a
   * sensitive step.
   */
  readonly inputs: VisibleInputs<Flow>;
  /** The values that the server computed, by step. */
  readonly outputs: Outputs<Flow>;
  /** The input that was typed and not submitted, here or on another device, by step and field. */
  readonly drafts: { readonly [StepName in StepsOf<Flow>]?: DraftOf<Flow, StepName> };
  readonly submissions: Snapshot["submissions"];
  readonly progress: Progress<StepsOf<Flow>>;
  /**
   * Whether this device expects `status` and the server has not confirmed it. There are two reasons. The start, the last
   * submission or the cancellation is pending. Or the deadline has passed by the server's clock, as this page last heard it.
   * The server may decide otherwise.
   */
  readonly provisional: boolean;
  /**
   * The `confirm` or `sensitive` step that was sent, also before a reload, and that the server has not answered; null for none. Nobody
   * knows yet whether it happened.
   */
  readonly confirming: StepsOf<Flow> | null;
  readonly sync: SyncState;
  readonly shelved: readonly ShelvedChange<Flow>[];
}

interface ExistingSession {
  /** Where the last change was made. */
  readonly device: Device;
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly expiresAt: string;
}

/** A session that is not known yet, or that does not exist. If it does not, `shelved` may have its refused start. */
interface MissingSession<Status> {
  readonly status: Status;
  readonly device: null;
  readonly startedAt: null;
  readonly updatedAt: null;
  readonly expiresAt: null;
  readonly endedAt: null;
  readonly result: null;
}

interface ActiveSession extends ExistingSession {
  readonly status: "active";
  readonly endedAt: null;
  readonly result: null;
}

interface EndedSession extends ExistingSession {
  readonly status: "cancelled" | "expired";
  readonly endedAt: string;
  readonly result: null;
}

interface CompletedSession<Flow extends AnyFlow> extends ExistingSession {
  readonly status: "completed";
  readonly endedAt: string;
  /**
   * The application's result. Null without a `result` schema, while the last step is pending here, and if this page cannot
   * read the session's version.
   */
  readonly result: ResultOf<Flow> | null;
}

/**
 * Everything visible of a session. The other fields depend on `status`. Immutable: a change makes another object. Times are
 * ISO 8601 in UTC.
 */
export type SessionState<Flow extends AnyFlow = AnyFlow> = Visible<Flow> &
  (MissingSession<"loading"> | MissingSession<"missing"> | ActiveSession | EndedSession | CompletedSession<Flow>);

export interface StateInput {
  readonly flow: AnyFlow;
  readonly id: string;
  readonly record: SessionRecord;
  /** The record as it is shown; null when there is no session. */
  readonly view: Snapshot | null;
  readonly absence: "loading" | "missing";
  readonly sync: SyncState;
  readonly shelved: readonly ShelvedChange[];
  /** By the server's clock, milliseconds since 1970; 0 while that is not known, or no deadline has passed by it. */
  readonly nowMs: number;
}

/** A session's state before anything is known of it, on a server too. */
export function initialStateOf(flow: AnyFlow, id: string): SessionState {
  const sync: SyncState = { state: "saved", pending: 0, storage: "disk" };
  return sessionStateOf({ flow, id, record: emptyRecord, view: null, absence: "loading", sync, shelved: [], nowMs: 0 });
}

/** The fields of a session's state that a snapshot has, while there is none. */
const noSnapshot = {
  data: {},
  inputs: {},
  outputs: {},
  drafts: {},
  submissions: {},
  device: null,
  startedAt: null,
  updatedAt: null,
  expiresAt: null,
  endedAt: null,
  result: null,
};

export function sessionStateOf({ flow, id, record, view, absence, sync, shelved, nowMs }: StateInput): SessionState {
  // A due end is shown. The server makes a revision of its own for it.
  const shown = { ...noSnapshot, version: flow.version, status: absence, ...(view && expireIfDue(view, nowMs)) };
  const state = {
    ...shown,
    id,
    flow: flow.name,
    revision: record.snapshot?.revision ?? 0,
    provisional: view !== null && shown.status !== record.snapshot?.status,
    inputs: { ...shown.data, ...shown.inputs },
    drafts: draftValues(shown.drafts),
    // Another version's data may be more than this path function can read.
    progress: progressOf(flow, shown.version === flow.version ? shown.data : {}),
    confirming: record.confirmation?.step ?? null,
    sync,
    shelved,
  };
  // A snapshot has the fields of its status, and the flow's own schemas made its values.
  return state as SessionState;
}
