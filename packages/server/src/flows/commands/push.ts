import {
  expireIfDue,
  groupDraftCommands,
  type AnyFlow,
  type Command,
  type CommandGroup,
  type Device,
  type DraftCommand,
  type IndexedCommand,
  type Outcome,
  type PushReply,
  type Snapshot,
} from "@sessions/core/internal";
import { forEachConcurrently } from "../../concurrency.ts";
import type { Sender } from "../configuration/identity.ts";
import type { ReplyRateLimit } from "../reads/reply-rate-limit.ts";
import type { StoredSession } from "../rows/stored-session.ts";
import { busyDecisionFor, isBusy, isOverload, busyDecision, RETRY_AFTER_MS } from "./busy.ts";
import { executeCommand, failedDecision, type ExecutionContext } from "./command-execution.ts";
import type { Decision } from "./decision.ts";
import { executeDraftCommands } from "./draft-execution.ts";
import { ReplyBudget } from "./reply-budget.ts";

/** How many sessions of one push are worked on at once. */
const CONCURRENT_SESSIONS = 4;

export interface PushContext extends ExecutionContext {
  readonly replyRateLimit: ReplyRateLimit;
  /** Called with the outcome of each command of a flow that is served. */
  readonly countOutcome: (flow: AnyFlow, command: Command, outcome: Outcome) => void;
}

/** One push of an owner: it executes the commands, and collects the reply within its budget. */
export class Push {
  readonly #context: PushContext;
  readonly #sender: Sender;
  readonly #owner: string;
  readonly #device: Device;
  /** The request that all pushes answered together share. */
  readonly #request: object;
  readonly #budget: ReplyBudget;
  readonly #outcomes: Outcome[] = [];
  readonly #snapshots: Snapshot[] = [];

  constructor(context: PushContext, sender: Sender, device: Device, request: object) {
    this.#context = context;
    this.#sender = sender;
    this.#owner = sender.owner;
    this.#device = device;
    this.#request = request;
    this.#budget = new ReplyBudget(context.bounds.pageBytes);
  }

  /**
   * Commands of one session run in their order. Those of different sessions do not wait for one another. `refusedUnread` are
   * the outcomes of the commands that are not in `bySession`.
   */
  async execute(
    bySession: ReadonlyMap<string, readonly IndexedCommand[]>,
    refusedUnread: ReadonlyMap<number, Outcome>,
  ): Promise<Omit<PushReply, "now">> {
    for (const [index, outcome] of refusedUnread) {
      this.#outcomes[index] = outcome;
      const isMalformed = outcome.status === "refused" && outcome.refusal.code === "malformed";
      this.#context.telemetry.recordOutcome(isMalformed ? "malformed" : "unread", outcome);
    }
    await forEachConcurrently(bySession, CONCURRENT_SESSIONS, ([session, indexed]) =>
      this.#executeSession(session, indexed),
    );
    return { outcomes: this.#outcomes, snapshots: this.#snapshots };
  }

  async #executeSession(session: string, indexed: readonly IndexedCommand[]): Promise<void> {
    const { now, reader } = this.#context;
    let stored: StoredSession | undefined;
    let busy = this.#busyNow();
    for (const group of groupDraftCommands(indexed)) {
      // A command may depend on the one before it. If that was refused as busy, this one is too, and both are sent again.
      const decisions = busy ? group.map(() => busy!) : await this.#decideGroup(group, stored);
      this.#record(group, decisions);
      busy = group.some(({ index }) => isBusy(this.#outcomes[index]!)) ? busyDecision : this.#busyNow();
      // A busy command has changed nothing, so the reply holds the session as the command before it left it.
      const lastDone = decisions.filter(({ outcome }) => !isBusy(outcome)).at(-1);
      if (lastDone !== undefined) stored = lastDone.stored ?? undefined;
    }
    // The reply holds the session as it was just written, unless its deadline has passed since.
    const written = stored && expireIfDue(stored.snapshot, now()) === stored.snapshot ? stored.snapshot : null;
    // A busy reply must not cost a read.
    const snapshot = written ?? (busy ? null : await reader.read(this.#owner, session));
    if (snapshot !== null) this.#addSnapshot(snapshot, indexed);
  }

  async #decideGroup(group: CommandGroup, before: StoredSession | undefined): Promise<readonly Decision[]> {
    try {
      const together = group.length > 1 ? await this.#decideDrafts(group, before) : null;
      return together ?? (await this.#decideEach(group, before));
    } catch (error) {
      return group.map(({ command }) => failedDecision(this.#context, command, error));
    }
  }

  async #decideDrafts(group: CommandGroup, before: StoredSession | undefined): Promise<readonly Decision[] | null> {
    // A group of more than one command holds drafts alone.
    const drafts = group.map(({ command }) => command) as unknown as readonly [DraftCommand, ...DraftCommand[]];
    try {
      return await executeDraftCommands(this.#context, this.#owner, this.#device, drafts, before);
    } catch (error) {
      if (!isOverload(error)) throw error;
      return group.map(() => busyDecision);
    }
  }

  async #decideEach(group: CommandGroup, before: StoredSession | undefined): Promise<readonly Decision[]> {
    const decisions: Decision[] = [];
    for (const { command } of group) {
      const last = decisions.at(-1);
      const current = last ? (last.stored ?? undefined) : before;
      const decision =
        last !== undefined && isBusy(last.outcome)
          ? busyDecision
          : await executeCommand(this.#context, this.#sender, this.#device, command, current).catch(
              (error: unknown) => {
                if (!isOverload(error)) throw error;
                return busyDecision;
              },
            );
      decisions.push(decision);
    }
    return decisions;
  }

  #record(group: CommandGroup, decisions: readonly Decision[]): void {
    for (const [nth, { index, command }] of group.entries()) {
      const { outcome } = decisions[nth]!;
      // A refusal may quote as much as a step holds. It has changed nothing, so it can wait until it is sent again.
      const isLeftOut = outcome.status === "refused" && !isBusy(outcome) && !this.#spend(outcome);
      this.#outcomes[index] = isLeftOut ? busyDecision.outcome : outcome;
      this.#context.telemetry.recordOutcome(command.kind, this.#outcomes[index]);
      const flow = decisions[nth]!.stored?.snapshot.flow ?? (command.kind === "start" ? command.flow : "");
      const served = this.#context.flows.get(flow);
      if (served !== undefined) this.#context.countOutcome(served.flow, command, this.#outcomes[index]);
    }
  }

  /**
   * Adds a session to the reply. Other requests of the owner may have used up the rate limit meanwhile. Then commands that
   * changed nothing are refused as busy, to be sent again. If one changed the session, its outcome stays, and the client
   * gets the session when it asks again.
   */
  #addSnapshot(snapshot: Snapshot, indexed: readonly IndexedCommand[]): void {
    const hasChanged = indexed.some(({ index }) => isNewlyAccepted(this.#outcomes[index]!));
    const busy = hasChanged ? undefined : this.#rateLimited();
    if (busy === undefined && this.#spend(snapshot, this.#snapshots.length === 0)) this.#snapshots.push(snapshot);
    else if (!hasChanged) for (const { index } of indexed) this.#outcomes[index] = (busy ?? busyDecision).outcome;
  }

  /** Counts a part of the reply. False when the reply has no room for it. */
  #spend(part: object, isFirst = false): boolean {
    const bytes = this.#budget.spend(part, isFirst);
    if (bytes !== null) this.#context.replyRateLimit.count(this.#owner, bytes, this.#request);
    return bytes !== null;
  }

  /** The refusal of commands when the reply has no room left, or the owner's rate limit is used up. */
  #busyNow(): Decision | undefined {
    return this.#budget.isSpent ? busyDecision : this.#rateLimited();
  }

  #rateLimited(): Decision | undefined {
    const waitMs = this.#context.replyRateLimit.waitMs(this.#owner, this.#request);
    return waitMs > 0 ? busyDecisionFor(Math.max(waitMs, RETRY_AFTER_MS)) : undefined;
  }
}

/** Whether a command has changed its session just now. */
export function isNewlyAccepted(outcome: Outcome): boolean {
  return outcome.status === "accepted" && !outcome.replayed;
}
