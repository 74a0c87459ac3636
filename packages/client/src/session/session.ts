import { fieldValues, idSchema, type AnyFlow, type DraftOf, type InputOf, type StepsOf } from "@sessions/core/internal";
import { BLOCKED_TRIES, isRefused } from "../sync/http/answer.ts";
import { createDeferred } from "../deferred.ts";
import { backoffMs, isServerRender, later } from "../environment.ts";
import { createListeners, report } from "../listeners.ts";
import { createConfirmation } from "./confirmation.ts";
import { applySnapshot } from "../record/snapshot.ts";
import { withoutContents } from "../record/lift.ts";
import { emptyRecord, isOfOtherFlow, isUnknown, type SessionRecord } from "../record/record.ts";
import { createActions } from "./actions.ts";
import { initialStateOf, sessionStateOf, withDrafts, type SessionState, type SyncState } from "./state.ts";
import { isOfOtherVersion, syncStateOf } from "./sync-state.ts";
import { createEarlyActions } from "./early-actions.ts";
import { createShelf } from "./shelf.ts";
import type { Sync } from "../sync/sync.ts";
import type { DraftHandle, SubmissionHandle } from "./submission.ts";
import { viewOf } from "../record/view.ts";
import { createOutcomes } from "./outcomes.ts";

/** One session of a flow, live. */
export interface Session<F extends AnyFlow = AnyFlow> {
  readonly id: string;
  /** Another object whenever something has changed, the same one otherwise. */
  readonly state: SessionState<F>;
  /** The state before anything is known. A server renders it. */
  readonly initialState: SessionState<F>;
  /** Calls the listener after every change of `state`. Returns a function that ends the subscription. */
  subscribe(listener: () => void): () => void;
  /**
   * Keeps the typed fields of a step, valid or not. The owner's other devices see them after a pause. Fields that are not
   * named stay as they are.
   */
  draft<K extends StepsOf<F>>(step: K, fields: DraftOf<F, K>): DraftHandle;
  /**
   * Submits a step. It is shown at once, queued, and sent when the server can be reached. If the rules refuse it here, it
   * settles at once and stays as the step's draft. A `confirm` or `sensitive` step is never queued. It is refused as
   * `unsettled` while something is pending, and as `offline` while the server cannot be reached. If nothing answers, its
   * outcome is `unknown`: the session stays `confirming`, and the client goes on asking until the server has said how the
   * step ended.
   */
  submit<K extends StepsOf<F>>(step: K, input: InputOf<F, K>): SubmissionHandle;
  /**
   * Ends the session without completing it, and gives up its drafts. Like `submit`, it is refused as `unsettled` while the
   * outcome of a step is unknown (`confirming`), because nobody knows whether that step happened.
   */
  cancel(): SubmissionHandle;
}

/** A session as the sessions object drives it. */
export interface LiveSession extends Omit<Session, "draft" | "submit"> {
  draft(step: string, fields: object): DraftHandle;
  submit(step: string, input: unknown): SubmissionHandle;
  /** Whether an action waits, in memory alone, until the session is known. */
  readonly isWaiting: boolean;
  /** Reads the record and the connection again, and asks the server if the session is unknown here. */
  refresh(): void;
}

export function createSession(flow: AnyFlow, id: string, sync: Sync): LiveSession {
  const { store, connection, api, environment } = sync;
  const listeners = createListeners();
  const outcomes = createOutcomes(() => store.records.get(id) ?? emptyRecord);
  const known = createDeferred<void>();
  const confirmation = createConfirmation(flow, id, sync, recordNow);
  const early = createEarlyActions(() => (state.status === "loading" ? known.promise : undefined), refresh);
  const actions = createActions({ flow, session: id, sync, recordNow, confirmation, outcomes, early });
  const offer = createShelf(flow, id, store, actions);
  const initialState = initialStateOf(flow, id);
  let state = initialState;
  let basis: readonly unknown[] = [];
  // The server is not asked for something that is no id.
  let absence: "loading" | "missing" =
    (sync.isOpen() || isServerRender()) && idSchema.safeParse(id).success ? "loading" : "missing";
  let reading = false;
  let failures = 0;
  // In a row, among the failures.
  let refusals = 0;

  function recordNow(): SessionRecord {
    const record = store.records.get(id);
    return record === undefined || isOfOtherFlow(record, flow) ? emptyRecord : record;
  }

  function refresh(): void {
    const found = store.records.get(id);
    const isForeign = isOfOtherFlow(found, flow);
    const record = isForeign ? undefined : found;
    if (isForeign) absence = "missing";
    else if (store.loaded && isUnknown(record) && absence === "loading" && !connection.state.signedOut) void read();

    confirmation.recover();

    const { serverMs } = connection;
    const { snapshot } = record ?? emptyRecord;
    // Only the server's clock decides. Somebody may have set this device's, and a form must not close for that.
    const due = snapshot?.status === "active" && serverMs !== null && Date.parse(snapshot.expiresAt) <= serverMs;
    const isBlocked = refusals >= BLOCKED_TRIES;
    const { storage } = store;
    const sync = syncStateOf({ flow, record, early: early.entries, connection, isBlocked, storage });
    const next = [record, due, absence, store.device, sync.state, sync.pending, sync.storage, early.entries];
    if (next.length === basis.length && next.every((value, index) => value === basis[index])) return;
    basis = next;

    try {
      const next = shown(record, sync, due ? serverMs : 0);
      state = next.status === "loading" || next.status === "active" ? withDrafts(next, early.entries) : next;
    } catch (error) {
      // The flow's own code threw: the state before stays.
      state = { ...state, sync };
      report(error);
    }
    if (state.status !== "loading") known.resolve();
    outcomes.resolveKnown();
    listeners.notify();
  }

  function shown(record: SessionRecord | undefined, syncState: SyncState, nowMs: number): SessionState {
    const other = isOfOtherVersion(flow, record);
    const isBehind = (record?.snapshot?.revision ?? 0) < state.revision;
    // A session that this page cannot read any more stays on the screen as it was.
    const keepsState = isBehind || (other && state.status === "active");
    const own = (record?.otherVersionDrafts ?? []).filter(({ version }) => version === flow.version);
    // Drafts of this page's version, which the record's view does not have.
    const typed = own.map(({ step, slots }) => ({ step, fields: fieldValues(slots) }));
    if (keepsState && syncState.state === "outdated") return withDrafts({ ...state, sync: syncState }, typed);
    const view = other
      ? record.snapshot && withoutContents(record.snapshot)
      : viewOf(flow, record ?? emptyRecord, sync.device());
    const shelved = (record?.shelved ?? []).map(offer);
    // A known session without a view is one whose start was refused.
    const without = isUnknown(record) ? absence : "missing";
    const now = sessionStateOf({ flow, id, record, view, absence: without, sync: syncState, shelved, nowMs });
    return other ? withDrafts(now, typed) : now;
  }

  async function read(): Promise<void> {
    if (reading) return;
    reading = true;
    try {
      const reply = await api.read(id);
      connection.heard(reply.now);
      failures = refusals = 0;
      if (reply.session?.flow === flow.name) await store.change(id, applySnapshot(reply.session, sync.device(), flow));
      else absence = "missing";
    } catch (error) {
      failures += 1;
      refusals = isRefused(error, !connection.state.up) ? refusals + 1 : 0;
      refresh();
      await later(Math.min(5_000, backoffMs(failures, environment)), environment);
    }
    reading = false;
    if (sync.isOpen()) refresh();
  }

  refresh();
  return {
    id,
    initialState,
    get state() {
      return state;
    },
    subscribe: listeners.subscribe,
    draft: (step, fields) => actions.draft(step, fields as Parameters<typeof actions.draft>[1]),
    submit: (step, input) => actions.submit(step, input),
    cancel: () => actions.cancel(),
    get isWaiting() {
      return early.entries.length > 0;
    },
    refresh,
  };
}
