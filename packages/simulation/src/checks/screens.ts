import { liftSession, sameJson, type AnyFlow, type Json, type Snapshot } from "@sessions/core";
import type { SessionState } from "@sessions/client";
import { hosts } from "../hosts.ts";
import { Broken, short } from "../journal.ts";
import type { DurabilityChecks } from "./durability.ts";
import type { Tab } from "../browser/tab.ts";

interface Screen {
  readonly tab: Tab;
  readonly id: string;
  readonly stateOf: () => SessionState;
  last: SessionState;
}

/** What every tab shows. */
export class ScreenChecks {
  readonly #screens = new Map<Tab, Map<string, Screen>>();
  readonly #promises: DurabilityChecks;
  readonly #fail: (error: Broken) => void;

  constructor(promises: DurabilityChecks, fail: (error: Broken) => void) {
    this.#promises = promises;
    this.#fail = fail;
  }

  /** Looks at every state of a session that a tab shows from now on. */
  follow(tab: Tab, flow: AnyFlow, id: string): void {
    const ofTab = this.#screens.get(tab) ?? new Map<string, Screen>();
    this.#screens.set(tab, ofTab);
    if (ofTab.has(id)) return;
    hosts.run(tab, () => {
      const session = tab.sessions.open(flow, id);
      const screen = { tab, id, stateOf: () => session.state, last: session.state };
      ofTab.set(id, screen);
      session.subscribe(() => this.#look(screen));
      this.#look(screen);
    });
  }

  /** What these still show is nobody's any more. */
  leave(tabs: readonly Tab[]): void {
    for (const tab of tabs) this.#screens.delete(tab);
  }

  #look(screen: Screen): void {
    const { tab, id, last } = screen;
    if (!tab.alive || this.#screens.get(tab)?.get(id) !== screen) return;
    const state = screen.stateOf();
    screen.last = state;
    const wrong = (invariant: string, what: string) =>
      this.#fail(new Broken(invariant, `${tab.name} shows ${short(id)} ${what}`));
    if (state.revision < last.revision) wrong("S10", `at ${state.revision} after ${last.revision}`);
    // An end that still waits to be sent may yet be refused.
    const isFinal = last.sync.pending === 0 && (last.status === "completed" || last.status === "cancelled");
    if (isFinal && state.status !== last.status) wrong("S6", `${state.status} after its end`);
    const own = this.#promises.sessions.get(tab.owner)?.has(id) ?? false;
    if (!own && state.status !== "loading" && state.status !== "missing") wrong("S9", "which is somebody else's");
  }

  /** Every tab shows what the database holds, and has nothing left to send. */
  requireAgreement(tab: Tab, truth: readonly Snapshot[]): void {
    const wrong = (id: string, what: string) => {
      throw new Broken("S1", `at rest, ${tab.name} shows ${short(id)} ${what}`);
    };
    for (const snapshot of truth) {
      const flow = tab.deployment.flows.find(({ name }) => name === snapshot.flow)!;
      const { state } = tab.sessions.open(flow, snapshot.id);
      if (state.sync.pending > 0) wrong(snapshot.id, `with ${state.sync.pending} to send`);
      if (state.revision !== snapshot.revision) wrong(snapshot.id, `at ${state.revision}, not ${snapshot.revision}`);
      if (state.status !== snapshot.status) wrong(snapshot.id, `${state.status}, not ${snapshot.status}`);
      const { data } = lifted(flow, snapshot);
      if (!sameJson(state.data as Json, data)) wrong(snapshot.id, "with other data");
    }
  }
}

function lifted(flow: AnyFlow, snapshot: Snapshot): Snapshot {
  try {
    return liftSession(flow, snapshot);
  } catch (error) {
    throw new Broken("S12", `${short(snapshot.id)} cannot be lifted: ${(error as Error).message}`);
  }
}
