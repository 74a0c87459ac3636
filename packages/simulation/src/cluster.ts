import type {
  ListReply,
  PushReply,
  PushRequest,
  ReadReply,
  ReceiptReply,
  ReceiptRequest,
  Snapshot,
} from "@sessions/core/internal";
import { LocksAndChannels } from "./browser/locks-and-channels.ts";
import { createRandom } from "./random.ts";
import type { Clock } from "./clock.ts";
import type { SimulatedDatabase } from "./nodes/database.ts";
import { Disk } from "./browser/disk.ts";
import { firstDeployment, nextDeployment } from "./flows.ts";
import { currentProcess } from "./simulated-process.ts";
import { SpecBrokenError, Journal } from "./journal.ts";
import { Network } from "./network.ts";
import { goodConnection } from "./network-conditions.ts";
import { ServerNode, SimulatedBus } from "./nodes/node.ts";
import { DurabilityChecks } from "./checks/durability.ts";
import { ReplyChecks } from "./checks/replies.ts";
import { ScreenChecks } from "./checks/screens.ts";
import { Tab, type SimulatedDevice, type SleepKind } from "./browser/tab.ts";

/** How long a dead node stays away, in milliseconds. */
export const RESTART_MS = 8_000;

export const owners = ["ada", "bob"] as const;
export const nodeNames = ["node 1", "node 2", "node 3"] as const;

/**
 * All parts of a world: devices and their tabs, the network, the server nodes, the bus and the checks. It connects the
 * checks with the parts that they watch, and has a method for each event of a plan.
 *
 * For example, a tab pushes a command:
 *
 * 1. `Tab` calls its transport, and `Network` delays, repeats or loses the request.
 * 2. A `ServerNode` answers it with the project's own router.
 * 3. `onRequest` gives the answer to `ReplyChecks` and `DurabilityChecks`, even if the answer is lost on its way back.
 *
 * A check may fail in the middle of such a call. The client would catch that error, so the cluster stores the first one,
 * and `throwIfBroken` throws it between two events.
 */
export class Cluster {
  readonly journal: Journal;
  readonly replies = new ReplyChecks();
  readonly durability: DurabilityChecks;
  readonly screens: ScreenChecks;
  readonly bus: SimulatedBus;
  readonly network: Network;
  readonly nodes = new Map<string, ServerNode>();
  readonly devices: readonly SimulatedDevice[];
  readonly #clock: Clock;
  readonly #randomSeed: number;
  readonly #database: SimulatedDatabase;
  /** The version that new nodes and pages get. */
  readonly #deployed = { nodes: firstDeployment, pages: firstDeployment };
  /** Owners and devices whose browser deleted unsent work. The next page must report that. */
  readonly #unreportedLosses = new Set<string>();
  #openedTabs = 0;
  #isOver = false;
  #broken: SpecBrokenError | undefined;

  constructor(clock: Clock, randomSeed: number, database: SimulatedDatabase) {
    this.#clock = clock;
    this.#randomSeed = randomSeed;
    this.#database = database;
    this.journal = new Journal(clock);
    this.durability = new DurabilityChecks(this.journal, this.replies);
    this.screens = new ScreenChecks(this.durability, (error) => this.#fail(error));
    this.bus = new SimulatedBus(clock, createRandom(randomSeed, "bus"));
    this.network = new Network({
      clock,
      random: createRandom(randomSeed, "network"),
      nodes: () => [...this.nodes.values()].filter((node) => node.alive),
      onRequest: (owner, procedure, request) => {
        const { commands = [], session } = request as Partial<PushRequest & { readonly session: string }>;
        const asked = [...commands.map((command) => command.session), ...(session === undefined ? [] : [session])];
        const newest = this.replies.newest(owner, asked);
        return (reply) =>
          this.#recordFailure(() => {
            if (procedure === "push") this.replies.push(owner, request as PushRequest, reply as PushReply);
            if (procedure === "receipt") this.replies.receipt(owner, request as ReceiptRequest, reply as ReceiptReply);
            // Each kind of reply has its sessions in one or more of these fields.
            const answer = reply as Partial<PushReply & ReadReply & ListReply>;
            const all = [answer.session ?? [], answer.active ?? [], answer.ended ?? [], answer.snapshots ?? []].flat();
            for (const one of all) this.#checkSnapshot(owner, one);
            this.replies.requireNew(all, newest);
          });
      },
      onWatchEvent: (owner, { snapshots }) =>
        this.#recordFailure(() => {
          for (const snapshot of snapshots) this.#checkSnapshot(owner, snapshot);
        }),
    });
    this.devices = ["phone", "laptop", "old"].map((name, index) => ({
      name,
      disk: new Disk(),
      cookies: new Map<string, string>(),
      locksAndChannels: new LocksAndChannels(clock),
      tabs: new Set<Tab>(),
      hasLocks: name !== "old",
      skewMs: [0, 20_000, -15_000][index]!,
      conditions: goodConnection,
    }));
  }

  get tabs(): readonly Tab[] {
    return this.devices.flatMap(({ tabs }) => [...tabs]);
  }

  /** Throws the first failure of a check, if there is one. @throws {SpecBrokenError} */
  throwIfBroken(): void {
    if (this.#broken) throw this.#broken;
  }

  startNode(name: string): void {
    const node = new ServerNode({
      name,
      clock: this.#clock,
      random: createRandom(this.#randomSeed, `${name} ${this.#clock.nowMs}`),
      database: this.#database,
      deployment: this.#deployed.nodes,
      bus: this.bus,
      onDeath: () => {
        this.journal.note(name, "dies");
        this.network.cut((stream) => stream.node === node);
        if (!this.#isOver) this.#clock.after(RESTART_MS, () => this.startNode(name));
      },
    });
    this.nodes.set(name, node);
  }

  openTab(device: SimulatedDevice, owner: string): Tab {
    this.#openedTabs += 1;
    const name = `${device.name} ${owner[0]}${this.#openedTabs}`;
    this.journal.note(name, "opens");
    const tab = new Tab({
      name,
      owner,
      device,
      clock: this.#clock,
      random: createRandom(this.#randomSeed, name),
      deployment: this.#deployed.pages,
      transportOf: (one) => this.network.transportOf(one),
    });
    // A page lists the sessions of every flow.
    currentProcess.run(tab, () => tab.deployment.flows.map((flow) => tab.sessions.list(flow)));
    if (this.#unreportedLosses.has(`${owner} ${device.name}`))
      void tab.sessions.ready.then(() => this.#requireTold(tab));
    return tab;
  }

  sleep(tab: Tab, how: SleepKind, ms: number): void {
    tab.sleep(how);
    this.network.cut((stream) => stream.tab === tab);
    this.#clock.after(ms, () => tab.wake());
  }

  /** The browser deletes the data of a device. `isClosed`: it closes the tabs first. */
  evict(device: SimulatedDevice, isClosed: boolean): void {
    if (isClosed) for (const tab of device.tabs) tab.crash();
    for (const owner of this.durability.onEvicted(device)) this.#unreportedLosses.add(`${owner} ${device.name}`);
    device.disk.evict();
  }

  /** Signs an owner out of a device. This closes all of their pages there. */
  async signOut(tab: Tab): Promise<void> {
    const { device, owner } = tab;
    const pages = [...device.tabs].filter((one) => one.owner === owner);
    this.screens.stopFollowing(pages);
    this.durability.onSignedOut(device, owner, pages);
    this.#unreportedLosses.delete(`${owner} ${device.name}`);
    const isWiped = await tab.sessions.forget().then(
      () => true,
      () => false,
    );
    this.#recordFailure(() => {
      if (isWiped && tab.alive && device.disk.holds(owner)) {
        throw new SpecBrokenError("S9", `${device.name} still has something of ${owner}'s after the sign-out`);
      }
    });
    for (const page of pages) page.crash();
    this.journal.note(tab.name, isWiped ? "has signed out" : "could not be wiped");
  }

  /** The next version of the flows: nodes restart with it one after another, pages have it when they are loaded. */
  deploy(what: "nodes" | "pages"): void {
    if (this.#deployed[what] === nextDeployment) return;
    this.#deployed[what] = nextDeployment;
    this.journal.note("everybody", `the next version of ${what} is deployed`);
    if (what === "pages") return;
    for (const [index, node] of [...this.nodes.values()].entries()) this.#clock.after(index * 3_000, () => node.die());
  }

  get isDeploying(): boolean {
    return this.#deployed.nodes === nextDeployment || this.#deployed.pages === nextDeployment;
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
    this.bus.lose(0);
    for (const node of this.nodes.values()) node.recover();
    for (const device of this.devices) {
      device.disk.setState("fine");
      device.conditions = goodConnection;
      for (const tab of device.tabs) {
        tab.wake();
        tab.connect(true);
      }
      const used = device.name === "laptop" ? owners : (["ada"] as const);
      // An owner who still has a page gets no second one: an old page must do the work.
      const closed = used.filter((owner) => ![...device.tabs].some((tab) => tab.owner === owner));
      for (const owner of closed) this.openTab(device, owner);
    }
  }

  end(): void {
    for (const { tabs } of this.devices) for (const tab of tabs) tab.crash();
    this.#isOver = true;
    for (const node of this.nodes.values()) node.die();
  }

  #checkSnapshot(owner: string, snapshot: Snapshot): void {
    this.replies.snapshot(owner, snapshot);
    this.durability.checkData(owner, snapshot);
    this.durability.drafts.onSnapshot(owner, snapshot);
  }

  #requireTold(tab: Tab): void {
    const { alive, device, owner, sessions } = tab;
    // A page without a disk cannot know that data was lost.
    if (!alive || device.disk.state !== "fine" || !this.#unreportedLosses.delete(`${owner} ${device.name}`)) return;
    this.#recordFailure(() => {
      // The page reads its own cookies.
      if (!currentProcess.run(tab, () => sessions.lost))
        throw new SpecBrokenError("S13", `${tab.name} takes what the browser deleted for nothing`);
    });
  }

  #recordFailure(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#fail(error as SpecBrokenError);
    }
  }

  #fail(error: SpecBrokenError): void {
    this.#broken ??= error;
  }
}
