import type { AnyFlow, DraftOf, InputOf, StepsOf } from "@sessions/core/internal";
import { createListeners, report } from "../listeners.ts";
import { sameItems } from "../same-items.ts";
import type { Sync } from "../sync/sync.ts";
import { createActions } from "./actions.ts";
import { createConfirmation } from "./confirmation.ts";
import { createShownSession } from "./shown-session.ts";
import { createActionsBeforeLoad } from "./actions-before-load.ts";
import { createLookup } from "./lookup.ts";
import { nextState } from "./next-state.ts";
import { createOutcomeWaiters } from "./outcome-waiters.ts";
import { createShelf } from "./shelf.ts";
import { initialStateOf, type SessionState } from "./state.ts";
import type { DraftHandle, SubmissionHandle } from "./submission.ts";
import { syncStateOf } from "./sync-state.ts";

/** One session of a flow, live. */
export interface Session<Flow extends AnyFlow = AnyFlow> {
  readonly id: string;
  /** Another object whenever something has changed, the same one otherwise. */
  readonly state: SessionState<Flow>;
  /** The state before anything is known. A server renders it. */
  readonly initialState: SessionState<Flow>;
  /** Calls the listener after every change of `state`. Returns a function that ends the subscription. */
  subscribe(listener: () => void): () => void;
  /**
   * Keeps the typed fields of a step, valid or not. The owner's other devices see them after a pause. Fields that are not
   * named stay as they are.
   */
  draft<StepName extends StepsOf<Flow>>(step: StepName, fields: DraftOf<Flow, StepName>): DraftHandle;
  /**
   * Submits a step. It is shown at once, queued, and sent when the server can be reached. If the rules refuse it here, it
   * settles at once and stays as the step's draft. A `confirm` or `sensitive` step is never queued. It is refused as
   * `unsettled` while something is pending, and as `offline` while the server cannot be reached. If nothing answers, its
   * outcome is `unknown`: the session stays `confirming`, and the client goes on asking until the server has said how the
   * step ended.
   */
  submit<StepName extends StepsOf<Flow>>(step: StepName, input: InputOf<Flow, StepName>): SubmissionHandle;
  /**
   * Ends the session without completing it, and gives up its drafts. Like `submit`, it is refused as `unsettled` while the
   * outcome of a step is unknown (`confirming`), because nobody knows whether that step happened.
   */
  cancel(): SubmissionHandle;
}

/** A session with the members that only this package uses. */
export interface InternalSession extends Omit<Session, "draft" | "submit"> {
  draft(step: string, fields: object): DraftHandle;
  submit(step: string, input: unknown): SubmissionHandle;
  /** Whether an action waits, in memory alone, until the session is known. */
  readonly isWaiting: boolean;
  /** Reads the record and the connection again, and asks the server if the session is unknown here. */
  refresh(): void;
}

export function createSession(flow: AnyFlow, id: string, sync: Sync): InternalSession {
  const { store, connection } = sync;
  const current = createShownSession(flow, id, sync);
  const listeners = createListeners();
  const lookUp = createLookup(flow, id, sync, refresh);
  const outcomes = createOutcomeWaiters(current.record);
  const confirmation = createConfirmation(flow, id, sync, current);
  const early = createActionsBeforeLoad(refresh);
  const actions = createActions({ flow, session: id, sync, current, confirmation, outcomes, early });
  const offer = createShelf(flow, id, sync, actions);
  const initialState = initialStateOf(flow, id);
  let state = initialState;
  let basis: readonly unknown[] = [];

  function refresh(): void {
    const { absence, isBlocked } = lookUp();
    confirmation.recover();

    const record = current.record();
    const { serverMs } = connection;
    const { snapshot } = record;
    // Only the server's clock decides. Somebody may have set this device's, and a form must not close for that.
    const due = snapshot?.status === "active" && serverMs !== null && Date.parse(snapshot.expiresAt) <= serverMs;
    const { entries } = early;
    const syncState = syncStateOf({ flow, record, early: entries, connection, isBlocked, storage: store.storage() });
    const next = [record, due, absence, store.device, entries, ...Object.values(syncState)];
    if (sameItems(next, basis)) return;
    basis = next;

    try {
      state = nextState(state, {
        flow,
        id,
        record,
        absence,
        sync: syncState,
        nowMs: due ? serverMs : 0,
        device: sync.device(),
        early: entries,
        offer,
      });
    } catch (error) {
      // The flow's own code threw: the state before stays.
      state = { ...state, sync: syncState };
      report(error);
    }
    if (state.status !== "loading") early.end();
    outcomes.resolveKnown();
    listeners.notify();
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
