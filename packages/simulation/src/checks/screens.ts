import { liftSession, sameJson, type AnyFlow, type Json, type Snapshot } from "@sessions/core/internal";
import type { SessionState } from "@sessions/client";
import { currentProcess } from "../simulated-process.ts";
import { SpecBrokenError, shortId } from "../journal.ts";
import type { DurabilityChecks } from "./durability.ts";
import type { Tab } from "../browser/tab.ts";

interface Screen {
  readonly tab: Tab;
  readonly id: string;
  readonly stateOf: () => SessionState;
  last: SessionState;
}

/**
 * Checks the states that tabs show: no older revision after a newer one, no session of another owner, and at rest the
 * same data as the database.
 *
 * For example, a tab shows revision 7 and then, after a reconnect, revision 6: S10.
 */
export class ScreenChecks {
  readonly #screens = new Map<Tab, Map<string, Screen>>();
  readonly #durability: DurabilityChecks;
  readonly #fail: (error: SpecBrokenError) => void;

  constructor(durability: DurabilityChecks, fail: (error: SpecBrokenError) => void) {
    this.#durability = durability;
    this.#fail = fail;
  }

  /** Checks every state of a session that a tab shows from now on. */
  follow(tab: Tab, flow: AnyFlow, id: string): void {
    const ofTab = this.#screens.get(tab) ?? new Map<string, Screen>();
    this.#screens.set(tab, ofTab);
    if (ofTab.has(id)) return;
    currentProcess.run(tab, () => {
      const session = tab.sessions.open(flow, id);
      const screen = { tab, id, stateOf: () => session.state, last: session.state };
      ofTab.set(id, screen);
      session.subscribe(() => this.#look(screen));
      this.#look(screen);
    });
  }

  /** The owner of these tabs has signed out: their screens are not checked any more. */
  stopFollowing(tabs: readonly Tab[]): void {
    for (const tab of tabs) this.#screens.delete(tab);
  }

  #look(screen: Screen): void {
    const { tab, id, last } = screen;
    if (!tab.alive || this.#screens.get(tab)?.get(id) !== screen) return;
    const state = screen.stateOf();
    screen.last = state;
    const wrong = (promise: string, what: string) =>
      this.#fail(new SpecBrokenError(promise, `${tab.name} shows ${shortId(id)} ${what}`));
    if (state.revision < last.revision) wrong("S10", `at ${state.revision} after ${last.revision}`);
    // The server may still refuse an end that waits to be sent.
    const isFinal = last.sync.pending === 0 && (last.status === "completed" || last.status === "cancelled");
    if (isFinal && state.status !== last.status) wrong("S6", `${state.status} after its end`);
    const own = this.#durability.sessions.get(tab.owner)?.has(id) ?? false;
    if (!own && state.status !== "loading" && state.status !== "missing") wrong("S9", "which is somebody else's");
  }

  /** At rest: a tab shows the sessions as the database has them, and has nothing left to send. */
  requireAgreement(tab: Tab, truth: readonly Snapshot[]): void {
    const wrong = (id: string, what: string) => {
      throw new SpecBrokenError("S1", `at rest, ${tab.name} shows ${shortId(id)} ${what}`);
    };
    for (const snapshot of truth) {
      const flow = tab.deployment.flows.find(({ name }) => name === snapshot.flow)!;
      const { state } = tab.sessions.open(flow, snapshot.id);
      if (state.sync.pending > 0) wrong(snapshot.id, `with ${state.sync.pending} to send`);
      if (state.revision !== snapshot.revision) wrong(snapshot.id, `at ${state.revision}, not ${snapshot.revision}`);
      if (state.status !== snapshot.status) wrong(snapshot.id, `${state.status}, not ${snapshot.status}`);
      const { data } = liftOrFail(flow, snapshot);
      if (!sameJson(state.data as Json, data)) wrong(snapshot.id, "with other data");
    }
  }
}

function liftOrFail(flow: AnyFlow, snapshot: Snapshot): Snapshot {
  try {
    return liftSession(flow, snapshot);
  } catch (error) {
    throw new SpecBrokenError("S12", `${shortId(snapshot.id)} cannot be lifted: ${(error as Error).message}`);
  }
}
