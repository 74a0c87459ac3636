import type {
  ListReply,
  PushReply,
  PushRequest,
  ReadReply,
  ReceiptReply,
  ReceiptRequest,
  Snapshot,
} from "@sessions/core";
import { BrowserShare } from "./browser/browser.ts";
import { chanceOf } from "./chance.ts";
import type { Clock } from "./clock.ts";
import type { SimulatedDatabase } from "./nodes/database.ts";
import { Disk } from "./browser/disk.ts";
import { today, tomorrow } from "./flows.ts";
import { hosts } from "./hosts.ts";
import { Broken, Journal } from "./journal.ts";
import { Network } from "./network.ts";
import { fair } from "./network-conditions.ts";
import { ServerNode, SimulatedBus } from "./nodes/node.ts";
import { DurabilityChecks } from "./checks/durability.ts";
import { ReplyChecks } from "./checks/replies.ts";
import { ScreenChecks } from "./checks/screens.ts";
import { Tab, type SimulatedDevice, type Sleep } from "./browser/tab.ts";

/** How long a dead node stays away, in milliseconds. */
export const ABSENCE_MS = 8_000;

export const owners = ["ada", "bob"] as const;
export const nodeNames = ["node 1", "node 2", "node 3"] as const;

/** Devices with their tabs, a network, nodes over a database, those who watch them, and what can be done to each. */
export class Cluster {
  readonly journal: Journal;
  readonly replies = new ReplyChecks();
  readonly promises: DurabilityChecks;
  readonly screens: ScreenChecks;
  readonly wire: SimulatedBus;
  readonly network: Network;
  readonly nodes = new Map<string, ServerNode>();
  readonly devices: readonly SimulatedDevice[];
  readonly #clock: Clock;
  readonly #chance: number;
  readonly #database: SimulatedDatabase;
  /** What nodes and pages are started with. */
  readonly #deployed = { nodes: today, pages: today };
  /** Devices whose owner lost something to their browser, and must be told. */
  readonly #bereft = new Set<string>();
  #opened = 0;
  #isOver = false;
  #broken: Broken | undefined;

  constructor(clock: Clock, chance: number, database: SimulatedDatabase) {
    this.#clock = clock;
    this.#chance = chance;
    this.#database = database;
    this.journal = new Journal(clock);
    this.promises = new DurabilityChecks(this.journal, this.replies);
    this.screens = new ScreenChecks(this.promises, (error) => this.#fail(error));
    this.wire = new SimulatedBus(clock, chanceOf(chance, "bus"));
    this.network = new Network({
      clock,
      random: chanceOf(chance, "network"),
      nodes: () => [...this.nodes.values()].filter((node) => node.alive),
      onRequest: (owner, procedure, request) => {
        const { commands = [], session } = request as Partial<PushRequest & { readonly session: string }>;
        const asked = [...commands.map((command) => command.session), ...(session === undefined ? [] : [session])];
        const newest = this.replies.newest(owner, asked);
        return (reply) =>
          this.#noting(() => {
            if (procedure === "push") this.replies.push(owner, request as PushRequest, reply as PushReply);
            if (procedure === "receipt") this.replies.receipt(owner, request as ReceiptRequest, reply as ReceiptReply);
            // Whichever it is, these are where it holds sessions.
            const told = reply as Partial<PushReply & ReadReply & ListReply>;
            const all = [told.session ?? [], told.active ?? [], told.ended ?? [], told.snapshots ?? []].flat();
            for (const one of all) this.#hear(owner, one);
            this.replies.requireNew(all, newest);
          });
      },
      onSnapshots: (owner, { snapshots }) =>
        this.#noting(() => {
          for (const snapshot of snapshots) this.#hear(owner, snapshot);
        }),
    });
    this.devices = ["phone", "laptop", "old"].map((name, index) => ({
      name,
      disk: new Disk(),
      cookies: new Map<string, string>(),
      share: new BrowserShare(clock),
      tabs: new Set<Tab>(),
      hasLocks: name !== "old",
      skewMs: [0, 20_000, -15_000][index]!,
      conditions: fair,
    }));
  }

  get tabs(): readonly Tab[] {
    return this.devices.flatMap(({ tabs }) => [...tabs]);
  }

  /** What once held and does not any more, if anything. @throws {Broken} */
  requireWhole(): void {
    if (this.#broken) throw this.#broken;
  }

  startNode(name: string): void {
    const node = new ServerNode({
      name,
      clock: this.#clock,
      random: chanceOf(this.#chance, `${name} ${this.#clock.nowMs}`),
      database: this.#database,
      deployment: this.#deployed.nodes,
      bus: this.wire,
      onDeath: () => {
        this.journal.note(name, "dies");
        this.network.cut((stream) => stream.node === node);
        if (!this.#isOver) this.#clock.after(ABSENCE_MS, () => this.startNode(name));
      },
    });
    this.nodes.set(name, node);
  }

  openTab(device: SimulatedDevice, owner: string): Tab {
    this.#opened += 1;
    const name = `${device.name} ${owner[0]}${this.#opened}`;
    this.journal.note(name, "opens");
    const tab = new Tab({
      name,
      owner,
      device,
      clock: this.#clock,
      random: chanceOf(this.#chance, name),
      deployment: this.#deployed.pages,
      transportOf: (one) => this.network.transportOf(one),
    });
    // A page lists what there is.
    hosts.run(tab, () => tab.deployment.flows.map((flow) => tab.sessions.list(flow)));
    if (this.#bereft.has(`${owner} ${device.name}`)) void tab.sessions.ready.then(() => this.#requireTold(tab));
    return tab;
  }

  sleep(tab: Tab, how: Sleep, ms: number): void {
    tab.sleep(how);
    this.network.cut((stream) => stream.tab === tab);
    this.#clock.after(ms, () => tab.wake());
  }

  /** The browser deletes what it keeps of a device, whose tabs are closed then if `isClosed`. */
  evict(device: SimulatedDevice, isClosed: boolean): void {
    if (isClosed) for (const tab of device.tabs) tab.crash();
    for (const owner of this.promises.evicted(device)) this.#bereft.add(`${owner} ${device.name}`);
    device.disk.evict();
  }

  /** Every page of the owner on the device ends with it. */
  async signOut(tab: Tab): Promise<void> {
    const { device, owner } = tab;
    const pages = [...device.tabs].filter((one) => one.owner === owner);
    this.screens.leave(pages);
    this.promises.signedOut(device, owner, pages);
    this.#bereft.delete(`${owner} ${device.name}`);
    const isWiped = await tab.sessions.forget().then(
      () => true,
      () => false,
    );
    this.#noting(() => {
      if (isWiped && tab.alive && device.disk.holds(owner)) {
        throw new Broken("S9", `${device.name} still has something of ${owner}'s after the sign-out`);
      }
    });
    for (const page of pages) page.crash();
    this.journal.note(tab.name, isWiped ? "has signed out" : "could not be wiped");
  }

  /** The next version of the flows: nodes restart with it one after another, pages have it when they are loaded. */
  deploy(what: "nodes" | "pages"): void {
    if (this.#deployed[what] === tomorrow) return;
    this.#deployed[what] = tomorrow;
    this.journal.note("everybody", `the next version of ${what} is deployed`);
    if (what === "pages") return;
    for (const [index, node] of [...this.nodes.values()].entries()) this.#clock.after(index * 3_000, () => node.die());
  }

  get isDeploying(): boolean {
    return this.#deployed.nodes === tomorrow || this.#deployed.pages === tomorrow;
  }

  /** Every page that runs an earlier version is loaded again. */
  reloadOld(): void {
    for (const tab of this.tabs) {
      if (tab.deployment === this.#deployed.pages) continue;
      tab.crash();
      this.openTab(tab.device, tab.owner);
    }
  }

  /** From now on nothing fails, and every owner has a page on each of their devices. */
  heal(): void {
    this.wire.lose(0);
    for (const node of this.nodes.values()) node.recover();
    for (const device of this.devices) {
      device.disk.become("fine");
      device.conditions = fair;
      for (const tab of device.tabs) {
        tab.wake();
        tab.connect(true);
      }
      const used = device.name === "laptop" ? owners : (["ada"] as const);
      // Who still has a page open opens no other: one of those must do the work.
      const closed = used.filter((owner) => ![...device.tabs].some((tab) => tab.owner === owner));
      for (const owner of closed) this.openTab(device, owner);
    }
  }

  end(): void {
    for (const { tabs } of this.devices) for (const tab of tabs) tab.crash();
    this.#isOver = true;
    for (const node of this.nodes.values()) node.die();
  }

  #hear(owner: string, snapshot: Snapshot): void {
    this.replies.snapshot(owner, snapshot);
    this.promises.read(owner, snapshot);
    this.promises.draftChecks.told(owner, snapshot);
  }

  #requireTold(tab: Tab): void {
    const { alive, device, owner, sessions } = tab;
    // A page without a disk cannot know.
    if (!alive || device.disk.state !== "fine" || !this.#bereft.delete(`${owner} ${device.name}`)) return;
    this.#noting(() => {
      if (!sessions.lost) throw new Broken("S13", `${tab.name} takes what the browser deleted for nothing`);
    });
  }

  #noting(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#fail(error as Broken);
    }
  }

  #fail(error: Broken): void {
    this.#broken ??= error;
  }
}
