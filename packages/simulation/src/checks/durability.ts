import type { SessionState, Submission } from "@sessions/client";
import { sameJson, type Snapshot } from "@sessions/core";
import { readAt, type Given } from "../flows.ts";
import { Broken, short, type Journal } from "../journal.ts";
import type { ReplyChecks } from "./replies.ts";
import type { SimulatedDevice, Tab } from "../browser/tab.ts";
import { DraftChecks } from "./drafts.ts";

type Settled = Awaited<Submission["settled"]>;

interface Promised {
  readonly tab: Tab;
  readonly session: string;
  readonly id: string;
  /** It is on the disk, as the client said. */
  onDisk: boolean;
  /** The disk was emptied while it was being written. */
  isDoubtful: boolean;
  settled: Settled | undefined;
}

interface SubmittedIn {
  readonly id: string;
  readonly state: SessionState;
}

/** What people did, what the client promised them of it, and where it is. */
export class DurabilityChecks {
  /** Every command's id that a person was given. */
  readonly asked = new Set<string>();
  /** What was submitted under each. */
  readonly given = new Map<string, Given>();
  readonly sessions = new Map<string, Set<string>>();
  readonly draftChecks = new DraftChecks();
  readonly #promised: Promised[] = [];
  readonly #taken = new Set<string>();
  /** Pages of somebody who has signed out there. */
  readonly #left = new Set<Tab>();
  readonly #journal: Journal;
  readonly #replies: ReplyChecks;

  constructor(journal: Journal, replies: ReplyChecks) {
    this.#journal = journal;
    this.#replies = replies;
  }

  started({ owner }: Tab, session: string): void {
    this.sessions.set(owner, (this.sessions.get(owner) ?? new Set()).add(session));
  }

  submitted(tab: Tab, session: SubmittedIn, submission: Submission, confirms: boolean): void {
    const { id, stored, settled } = submission;
    this.asked.add(id);
    const promised: Promised = { tab, session: session.id, id, onDisk: false, isDoubtful: false, settled: undefined };
    void settled.then((settlement) => {
      promised.settled = settlement;
      if (!tab.alive) return;
      const told = settlement.outcome === "refused" ? settlement.refusal.code : settlement.outcome;
      this.#journal.note(tab.name, `hears of ${short(id)}: ${told}`);
    });
    if (confirms) return void this.#promised.push(promised);
    void stored.then(() => {
      // What was refused at once was never taken.
      if (!tab.alive || this.#left.has(tab) || promised.settled !== undefined || promised.isDoubtful) return;
      promised.onDisk = session.state.sync.storage === "disk";
    });
    this.#promised.push(promised);
  }

  /**
   * A browser deleted what a device had on its disk. What an open tab has in memory it writes again; else it is lost.
   * Returns whose unsent work is.
   */
  evicted(device: SimulatedDevice): readonly string[] {
    this.draftChecks.letGo(device);
    const lost = new Set<string>();
    for (const promised of this.#promised) {
      if (promised.tab.device !== device) continue;
      promised.isDoubtful = !promised.onDisk;
      if (!promised.onDisk) continue;
      const { owner } = promised.tab;
      const isOpen = [...device.tabs].some((tab) => tab.owner === owner);
      promised.onDisk = false;
      const { pending } = device.disk.recordOf(owner, promised.session) ?? { pending: [] };
      if (!isOpen && promised.settled === undefined && pending.some(({ command }) => command.id === promised.id))
        lost.add(owner);
    }
    return [...lost];
  }

  /** Who signs out of a device, by one of these pages, takes along what is there. */
  signedOut(device: SimulatedDevice, owner: string, pages: readonly Tab[]): void {
    for (const page of pages) this.#left.add(page);
    this.draftChecks.letGo(device, owner);
    for (const promised of this.#promised) {
      if (promised.tab.device === device && promised.tab.owner === owner) promised.onDisk = false;
    }
  }

  /** Whether it is a page of somebody who has signed out. */
  isLeft(tab: Tab): boolean {
    return this.#left.has(tab);
  }

  /** Nothing is misread: what a session says was submitted is what its own person gave, in its version's words. */
  read(owner: string, { id, version, data, submissions }: Snapshot): void {
    for (const [step, { command }] of Object.entries(submissions)) {
      const given = this.given.get(command);
      if (given === undefined) continue;
      if (given.owner !== owner) throw new Broken("S9", `${short(id)} has ${short(command)}, which is somebody else's`);
      const [name, input] = readAt(version, given);
      if (name !== step || !sameJson(input, data[step])) {
        throw new Broken("S12", `${short(id)} at version ${version} says other than ${short(command)} in ${step}`);
      }
    }
  }

  tookFromShelf(id: string): void {
    this.#taken.add(id);
  }

  /** accepted = applied + superseded + shelved + pending, on every device. */
  look(): void {
    for (const { tab, session, id, onDisk, settled } of this.#promised) {
      if (settled?.outcome === "accepted") {
        if (this.#replies.accepted.get(`${tab.owner} ${id}`) !== settled.revision)
          throw new Broken("S1", `${short(id)} was said to be saved and is not`);
      }
      if (!onDisk) continue;
      const record = tab.device.disk.recordOf(tab.owner, session);
      const ended = record?.settled.find((entry) => entry.id === id)?.settlement;
      const isPending = record?.pending.some(({ command }) => command.id === id) ?? false;
      if (!isPending && !ended) throw new Broken("S4", `${short(id)} was stored on ${tab.device.name} and is gone`);
      if (isPending && ended) throw new Broken("S4", `${short(id)} is settled and pending on ${tab.device.name}`);
      const shelved = record?.shelved.some((entry) => entry.id === id) ?? false;
      if (record?.shelved.some(({ refusal }) => refusal.code === "outdated")) {
        throw new Broken("S12", `${tab.device.name} gave up what another version can send`);
      }
      if (ended?.outcome === "refused" && !shelved && !this.#taken.has(id)) {
        throw new Broken("S4", `${short(id)} was refused on ${tab.device.name} and is not shown`);
      }
    }
  }

  /** Nothing is left undecided, and what took effect (by owner and command) is shown to nobody as refused. */
  close(tabs: readonly Tab[], effects: ReadonlyMap<string, number>): void {
    for (const { owner, device } of tabs) {
      for (const session of this.sessions.get(owner) ?? []) {
        for (const { id, kind } of device.disk.recordOf(owner, session)?.shelved ?? []) {
          // A draft is kept aside under the id of what it contradicts.
          if (kind === "draft" || !effects.has(`${owner} ${id}`)) continue;
          throw new Broken("S2", `${short(id)} took effect, and is shelved on ${device.name}`);
        }
      }
    }
    for (const { tab, id, settled } of this.#promised) {
      if (tab.alive && !this.#left.has(tab) && settled === undefined)
        throw new Broken("S4", `${short(id)} was never decided`);
      if (settled?.outcome === "refused" && settled.refusal.code !== "unconfirmed") {
        if (effects.has(`${tab.owner} ${id}`))
          throw new Broken("S2", `${short(id)} took effect, and was said to be refused`);
      }
    }
  }
}
