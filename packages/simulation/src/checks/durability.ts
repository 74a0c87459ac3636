import type { SessionState, SubmissionHandle, SubmissionOutcome } from "@sessions/client";
import { sameJson, type Snapshot } from "@sessions/core/internal";
import { migratedInput, type SubmittedInput } from "../flows.ts";
import { SpecBrokenError, shortId, type Journal } from "../journal.ts";
import type { ReplyChecks } from "./replies.ts";
import type { SimulatedDevice, Tab } from "../browser/tab.ts";
import { DraftChecks } from "./drafts.ts";

/** A command that a person was given an id for. */
interface TrackedCommand {
  readonly tab: Tab;
  readonly session: string;
  readonly id: string;
  /** The client has said that the command is on the disk. */
  onDisk: boolean;
  /** The disk was emptied while it was being written. */
  isDoubtful: boolean;
  settled: SubmissionOutcome | undefined;
}

interface OpenedSession {
  readonly id: string;
  readonly state: SessionState;
}

/**
 * Follows every command from the moment when a person gave it. At each moment a stored command is in exactly one place:
 * pending, accepted, superseded, or refused and on the shelf.
 *
 * For example, Ada submits a step on her phone and `stored` resolves. From then on the phone's disk must hold the command
 * as pending. When the server has refused it, the disk must show the refusal and shelve the input. A disk that has neither
 * has lost the command: S4.
 */
export class DurabilityChecks {
  /** The ids of all commands that people gave. */
  readonly commandIds = new Set<string>();
  /** The input of each submission, by its command. */
  readonly inputs = new Map<string, SubmittedInput>();
  readonly sessions = new Map<string, Set<string>>();
  readonly drafts = new DraftChecks();
  readonly #commands: TrackedCommand[] = [];
  readonly #takenFromShelf = new Set<string>();
  /** Pages whose owner has signed out. */
  readonly #signedOutTabs = new Set<Tab>();
  readonly #journal: Journal;
  readonly #replies: ReplyChecks;

  constructor(journal: Journal, replies: ReplyChecks) {
    this.#journal = journal;
    this.#replies = replies;
  }

  onStarted({ owner }: Tab, session: string): void {
    this.sessions.set(owner, (this.sessions.get(owner) ?? new Set()).add(session));
  }

  onSubmitted(tab: Tab, session: OpenedSession, submission: SubmissionHandle, confirms: boolean): void {
    const { id, stored, settled } = submission;
    this.commandIds.add(id);
    const tracked: TrackedCommand = {
      tab,
      session: session.id,
      id,
      onDisk: false,
      isDoubtful: false,
      settled: undefined,
    };
    void settled.then((outcome) => {
      tracked.settled = outcome;
      if (!tab.alive) return;
      const told = outcome.status === "refused" ? outcome.refusal.code : outcome.status;
      this.#journal.note(tab.name, `hears of ${shortId(id)}: ${told}`);
    });
    if (confirms) return void this.#commands.push(tracked);
    void stored.then(() => {
      // A command that was refused at once was never stored.
      if (!tab.alive || this.#signedOutTabs.has(tab) || tracked.settled !== undefined || tracked.isDoubtful) return;
      tracked.onDisk = session.state.sync.storage === "disk";
    });
    this.#commands.push(tracked);
  }

  /**
   * A browser deleted the data of a device. An open tab writes its records again from memory. Without one they are lost.
   * Returns the owners who lost something: a pending command that the server has not accepted, or a refused one on the
   * shelf. A command that the server has accepted is not lost: another tab may have heard that, while the disk was frozen.
   */
  onEvicted(device: SimulatedDevice): readonly string[] {
    this.drafts.onErased(device);
    const lost = new Set<string>();
    for (const tracked of this.#commands) {
      if (tracked.tab.device !== device) continue;
      tracked.isDoubtful = !tracked.onDisk;
      if (!tracked.onDisk) continue;
      const { owner } = tracked.tab;
      const isOpen = [...device.tabs].some((tab) => tab.owner === owner);
      tracked.onDisk = false;
      if (isOpen || this.#replies.accepted.has(`${owner} ${tracked.id}`)) continue;
      const record = device.disk.recordOf(owner, tracked.session);
      const isPending = record?.pending.some(({ command }) => command.id === tracked.id) ?? false;
      const isShelved = record?.shelved.some(({ id }) => id === tracked.id) ?? false;
      if (isPending || isShelved) lost.add(owner);
    }
    return [...lost];
  }

  /** An owner signs out of a device, which deletes their records there. `pages`: their pages on it. */
  onSignedOut(device: SimulatedDevice, owner: string, pages: readonly Tab[]): void {
    for (const page of pages) this.#signedOutTabs.add(page);
    this.drafts.onErased(device, owner);
    for (const tracked of this.#commands) {
      if (tracked.tab.device === device && tracked.tab.owner === owner) tracked.onDisk = false;
    }
  }

  /** Whether the owner of this page has signed out. */
  isSignedOut(tab: Tab): boolean {
    return this.#signedOutTabs.has(tab);
  }

  /** The data of a session is the input that its own person gave, in the words of the session's version. */
  checkData(owner: string, { id, version, data, submissions }: Snapshot): void {
    for (const [step, { command }] of Object.entries(submissions)) {
      const given = this.inputs.get(command);
      if (given === undefined) continue;
      if (given.owner !== owner)
        throw new SpecBrokenError("S9", `${shortId(id)} has ${shortId(command)}, which is somebody else's`);
      const [name, input] = migratedInput(version, given);
      if (name !== step || !sameJson(input, data[step])) {
        throw new SpecBrokenError(
          "S12",
          `${shortId(id)} at version ${version} says other than ${shortId(command)} in ${step}`,
        );
      }
    }
  }

  onTakenFromShelf(id: string): void {
    this.#takenFromShelf.add(id);
  }

  /** accepted = applied + superseded + shelved + pending, on every device. */
  check(): void {
    for (const { tab, session, id, onDisk, settled } of this.#commands) {
      if (settled?.status === "accepted") {
        if (this.#replies.accepted.get(`${tab.owner} ${id}`) !== settled.revision)
          throw new SpecBrokenError("S1", `${shortId(id)} was said to be saved and is not`);
      }
      if (!onDisk) continue;
      const record = tab.device.disk.recordOf(tab.owner, session);
      const ended = record?.settled.find((entry) => entry.id === id)?.outcome;
      const isPending = record?.pending.some(({ command }) => command.id === id) ?? false;
      if (!isPending && !ended)
        throw new SpecBrokenError("S4", `${shortId(id)} was stored on ${tab.device.name} and is gone`);
      if (isPending && ended)
        throw new SpecBrokenError("S4", `${shortId(id)} is settled and pending on ${tab.device.name}`);
      const shelved = record?.shelved.some((entry) => entry.id === id) ?? false;
      if (record?.shelved.some(({ refusal }) => refusal.code === "outdated")) {
        throw new SpecBrokenError("S12", `${tab.device.name} gave up what another version can send`);
      }
      if (ended?.status === "refused" && !shelved && !this.#takenFromShelf.has(id)) {
        throw new SpecBrokenError("S4", `${shortId(id)} was refused on ${tab.device.name} and is not shown`);
      }
    }
  }

  /** At rest: every command has an outcome, and none that took effect is shown as refused. `effects`: by owner and command. */
  checkAtRest(tabs: readonly Tab[], effects: ReadonlyMap<string, number>): void {
    for (const { owner, device } of tabs) {
      for (const session of this.sessions.get(owner) ?? []) {
        for (const { id, kind } of device.disk.recordOf(owner, session)?.shelved ?? []) {
          // A shelved draft has the id of the command that it is in conflict with.
          if (kind === "draft" || !effects.has(`${owner} ${id}`)) continue;
          throw new SpecBrokenError("S2", `${shortId(id)} took effect, and is shelved on ${device.name}`);
        }
      }
    }
    for (const { tab, id, settled } of this.#commands) {
      if (tab.alive && !this.#signedOutTabs.has(tab) && settled === undefined)
        throw new SpecBrokenError("S4", `${shortId(id)} was never decided`);
      if (settled?.status === "refused") {
        if (effects.has(`${tab.owner} ${id}`))
          throw new SpecBrokenError("S2", `${shortId(id)} took effect, and was said to be refused`);
      }
    }
  }
}
