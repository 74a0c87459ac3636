import type { Json } from "@sessions/core/internal";
import type { SessionState } from "@sessions/client";
import { exampleInput } from "./flows.ts";
import { shortId, type Journal } from "./journal.ts";
import type { PersonAction } from "./plan.ts";
import type { DurabilityChecks } from "./checks/durability.ts";
import type { ScreenChecks } from "./checks/screens.ts";
import type { Tab } from "./browser/tab.ts";

interface AnySession {
  readonly id: string;
  readonly state: SessionState;
  draft(step: string, fields: Readonly<Record<string, Json>>): { readonly stored: Promise<void> };
  submit(step: string, input: unknown): Parameters<DurabilityChecks["onSubmitted"]>[2];
  cancel(): Parameters<DurabilityChecks["onSubmitted"]>[2];
}

export interface PersonContext {
  readonly journal: Journal;
  readonly durability: DurabilityChecks;
  readonly screens: ScreenChecks;
  /** Ids of another owner's sessions. */
  readonly foreign: readonly string[];
}

/** Submits the `confirm` step of every session in a tab that is ready for it, at one moment. */
export function confirmAll(tab: Tab, { journal, durability, screens }: PersonContext): void {
  const { flows, version } = tab.deployment;
  for (const flow of flows) {
    for (const { id, progress } of tab.sessions.list(flow).state.active) {
      if (progress.current !== "review") continue;
      screens.follow(tab, flow, id);
      // The flow is known at run time alone.
      const session = tab.sessions.open(flow, id) as unknown as AnySession;
      const input = exampleInput("review", 0, version);
      const submission = session.submit("review", input);
      journal.note(tab.name, `confirms ${shortId(id)} as ${shortId(submission.id)}`);
      durability.inputs.set(submission.id, { owner: tab.owner, version, step: "review", input });
      durability.onSubmitted(tab, session, submission, true);
    }
  }
}

/** Does one action of a person in a tab, with the sessions that its screen shows. */
export function perform(
  tab: Tab,
  action: PersonAction,
  { journal, durability, screens, foreign }: PersonContext,
): void {
  const { flows, version } = tab.deployment;
  const { session: nth, does, value } = action;
  const flow = flows[(nth + (does === "start" ? value : 0)) % flows.length]!;
  const note = (what: string) => journal.note(tab.name, what);

  if (does === "peek") {
    const id = foreign[value % Math.max(1, foreign.length)];
    if (id === undefined) return;
    note(`opens ${shortId(id)}, which is somebody else's`);
    screens.follow(tab, flow, id);
    return;
  }
  if (does === "claim") {
    // A session of its own with an id that another owner uses.
    const id = foreign[value % Math.max(1, foreign.length)];
    if (id === undefined || durability.sessions.get(tab.owner)?.has(id)) return;
    tab.nextIds.push(id);
    durability.onStarted(tab, id);
  }
  const shown = flows.flatMap((one) => tab.sessions.list(one).state.active.map(({ id }) => ({ flow: one, id })));
  const chosen = shown[nth % Math.max(1, shown.length)];
  if (does === "start" || does === "claim" || chosen === undefined) {
    const { id } = tab.sessions.start(flow);
    note(`starts ${flow.name} ${shortId(id)}`);
    durability.onStarted(tab, id);
    screens.follow(tab, flow, id);
    return;
  }

  // The flow is known at run time alone.
  const session = tab.sessions.open(chosen.flow, chosen.id) as unknown as AnySession;
  screens.follow(tab, chosen.flow, chosen.id);
  const { state } = session;
  const submit = (step: string) => {
    const input = exampleInput(step, value, version);
    const submission = session.submit(step, input);
    note(`submits ${step} (${value}) of ${shortId(session.id)} as ${shortId(submission.id)}`);
    durability.drafts.onDecided(tab, session.id, step);
    durability.inputs.set(submission.id, { owner: tab.owner, version, step, input });
    durability.onSubmitted(tab, session, submission, chosen.flow.steps[step].confirm);
  };
  const steps: readonly string[] = chosen.flow.stepNames;
  switch (does) {
    case "go on":
      if (state.progress.current !== null) submit(state.progress.current);
      return;
    case "submit":
      return submit(steps[value % steps.length]!);
    case "draft": {
      const step = steps[value % steps.length]!;
      note(`types ${step} (${value}) in ${shortId(session.id)}`);
      const fields = exampleInput(step, value + 100, version);
      durability.drafts.onTyped(tab, session.id, step, fields, session.draft(step, fields).stored);
      return;
    }
    case "cancel": {
      const cancellation = session.cancel();
      note(`cancels ${shortId(session.id)} as ${shortId(cancellation.id)}`);
      durability.drafts.onDecided(tab, session.id);
      durability.onSubmitted(tab, session, cancellation, false);
      return;
    }
    case "retry":
    case "discard": {
      const [entry] = state.shelved;
      if (entry === undefined) return;
      note(`${does === "retry" ? "retries" : "discards"} ${shortId(entry.id)} of ${shortId(session.id)}`);
      durability.drafts.onDecided(tab, session.id, entry.kind === "start" ? undefined : (entry.step ?? undefined));
      // All changes of a refused start leave the shelf together.
      for (const { id } of entry.kind === "start" ? state.shelved : [entry]) durability.onTakenFromShelf(id);
      if (does === "discard") return void (entry.type === "conflict" ? entry.takeTheirs() : entry.discard());
      const again = entry.type === "conflict" ? entry.keepMine() : entry.retry();
      if (entry.kind === "start" || !("id" in again)) return;
      const confirms = entry.step !== null && chosen.flow.steps[entry.step].confirm;
      if (entry.kind === "submit") {
        durability.inputs.set(again.id, { owner: tab.owner, version, step: entry.step!, input: entry.mine as Json });
      }
      durability.onSubmitted(tab, session, again, confirms);
      return;
    }
  }
}
