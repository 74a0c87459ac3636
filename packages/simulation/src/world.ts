import type { PushReply, PushRequest, ReadReply, ListReply, Snapshot } from "@sessions/core";
import { BrowserShare } from "./browser.ts";
import { Books } from "./books.ts";
import { chanceOf } from "./chance.ts";
import { Clock } from "./clock.ts";
import type { SimulatedDatabase } from "./database.ts";
import { Disk } from "./disk.ts";
import { today } from "./flows.ts";
import { installGlobals } from "./globals.ts";
import { hosts } from "./hosts.ts";
import { Journal, type Broken } from "./journal.ts";
import { fair, Network } from "./network.ts";
import { ServerNode, Wire } from "./node.ts";
import { act } from "./person.ts";
import type { Deed, Plan } from "./plan.ts";
import { Promises } from "./promises.ts";
import { Replies } from "./replies.ts";
import { Screens } from "./screens.ts";
import { Tab, type SimulatedDevice } from "./tab.ts";

/** When every world begins, in milliseconds since 1970. */
export const START_MS = Date.UTC(2026, 2, 2, 9);

/** How long a dead node stays away, and a tab frozen, in milliseconds. */
const ABSENCE_MS = 8_000;

/** How long everything is given to come to rest once nothing fails any more: longer than the slowest poll. */
const REST_MS = 150_000;

const owners = ["ada", "bob"] as const;
const nodeNames = ["node 1", "node 2", "node 3"] as const;

/** Devices, a network, nodes and a database, and everything that the plan says happens to them. */
export class World {
  readonly journal: Journal;
  readonly #plan: Plan;
  readonly #database: SimulatedDatabase;
  readonly #clock = new Clock(START_MS);
  readonly #replies = new Replies();
  readonly #promises: Promises;
  readonly #screens: Screens;
  readonly #books: Books;
  readonly #wire: Wire;
  readonly #network: Network;
  readonly #nodes = new Map<string, ServerNode>();
  readonly #devices: readonly SimulatedDevice[];
  #opened = 0;
  #waitMs = 0;
  #isOver = false;
  #broken: Broken | undefined;

  constructor(plan: Plan, database: SimulatedDatabase) {
    this.#plan = plan;
    this.#database = database;
    const clock = this.#clock;
    this.journal = new Journal(clock);
    this.#promises = new Promises(this.journal, this.#replies);
    this.#screens = new Screens(this.#promises, (error) => this.#fail(error));
    this.#books = new Books(database.db);
    this.#wire = new Wire(clock, this.#chance("bus"));
    this.#network = new Network({
      clock,
      random: this.#chance("network"),
      nodes: () => [...this.#nodes.values()].filter((node) => node.alive),
      onReply: (owner, procedure, request, reply) =>
        this.#noting(() => {
          if (procedure === "push") this.#replies.push(owner, request as PushRequest, reply as PushReply);
          // Whichever it is, these are where it holds sessions.
          const { session, active, ended } = reply as Partial<ReadReply & ListReply>;
          for (const one of [session ?? [], active ?? [], ended ?? []].flat()) this.#replies.snapshot(owner, one);
        }),
      onSnapshots: (owner, { snapshots }) =>
        this.#noting(() => {
          for (const snapshot of snapshots) this.#replies.snapshot(owner, snapshot);
        }),
    });
    this.#devices = ["phone", "laptop", "old"].map((name, index) => ({
      name,
      disk: new Disk(),
      share: new BrowserShare(clock),
      tabs: new Set<Tab>(),
      hasLocks: name !== "old",
      skewMs: [0, 20_000, -15_000][index]!,
      weather: fair,
    }));
  }

  /** Lets everything happen, and looks at every step whether all that must hold does. @throws {Broken} */
  async run(): Promise<void> {
    const uninstall = installGlobals(this.#clock, () => 1);
    try {
      for (const name of nodeNames) this.#startNode(name);
      this.#openTab(this.#devices[0]!, "ada");
      this.#openTab(this.#devices[1]!, "ada");
      this.#openTab(this.#devices[1]!, "bob");
      this.#openTab(this.#devices[2]!, "ada");
      await this.#pass(500);
      for (const [index, deed] of this.#plan.deeds.entries()) {
        await this.#pass(deed.afterMs);
        this.#do(deed);
        await this.#pass(0);
        this.#promises.look();
        // The triggers' notes keep: they need not be read each time.
        if (index % 5 === 0) await this.#readBooks();
      }
      await this.#heal();
      await this.#close();
    } finally {
      for (const { tabs } of this.#devices) for (const tab of tabs) tab.crash();
      this.#isOver = true;
      for (const node of this.#nodes.values()) node.die();
      // What was begun comes to its end, so that nothing of this world reaches into the next one.
      await this.#clock.pass(ABSENCE_MS);
      uninstall();
    }
  }

  #do(deed: Deed): void {
    const { journal } = this;
    switch (deed.kind) {
      case "person": {
        const tab = pick(this.#tabs(), deed.tab);
        if (tab === undefined) return;
        const foreign = [...this.#promises.sessions].flatMap(([owner, ids]) => (owner === tab.owner ? [] : [...ids]));
        const given = { flows: today.flows, journal, promises: this.#promises, screens: this.#screens, foreign };
        return tab.run(() => act(tab, deed, given));
      }
      case "tab":
        return this.#doToTab(deed.does, deed.tab);
      case "disk": {
        const device = pick(this.#devices, deed.device)!;
        journal.note(device.name, `its disk: ${deed.does}`);
        return deed.does === "close" ? device.disk.closeAll() : device.disk.become(deed.does);
      }
      case "weather": {
        const device = pick(this.#devices, deed.device)!;
        device.weather = deed.weather;
        journal.note(device.name, `its network: ${JSON.stringify(deed.weather)}`);
        if (deed.weather.away) this.#network.cut(({ tab }) => tab.device === device);
        return;
      }
      case "node": {
        const { kind, after, fate, dies } = deed.mishap;
        const node = this.#nodes.get(pick(nodeNames, deed.node)!)!;
        journal.note(node.name, `${dies ? "dies" : "fails"} at a ${kind} to come (${after}): ${fate}`);
        return node.await(deed.mishap);
      }
      case "death":
        return this.#nodes.get(pick(nodeNames, deed.node)!)!.die();
      case "bus":
        journal.note("bus", `loses ${deed.loss}`);
        return this.#wire.lose(deed.loss);
      case "sweep": {
        const node = this.#nodes.get(pick(nodeNames, deed.node)!)!;
        journal.note(node.name, "sweeps");
        return node.run(() => void node.sessions.sweep().catch(() => {}));
      }
      case "wait":
        journal.note("everybody", `waits ${deed.minutes} minutes`);
        this.#waitMs = deed.minutes * 60_000;
    }
  }

  #doToTab(does: Extract<Deed, { kind: "tab" }>["does"], nth: number): void {
    const tab = pick(this.#tabs(), nth);
    if (tab === undefined || does === "open") {
      const device = pick(this.#devices, nth)!;
      if (device.tabs.size < 3) this.#openTab(device, device.name === "laptop" ? pick(owners, nth)! : "ada");
      return;
    }
    this.journal.note(tab.name, `is to ${does}`);
    if (does === "freeze") {
      tab.freeze();
      this.#clock.after(ABSENCE_MS, () => tab.thaw());
      return;
    }
    if (does === "close") tab.run(() => tab.sessions.close());
    tab.crash();
    if (does === "reload") this.#openTab(tab.device, tab.owner);
  }

  async #pass(ms: number): Promise<void> {
    await this.#clock.pass(ms + this.#waitMs);
    this.#waitMs = 0;
    if (this.#broken) throw this.#broken;
  }

  async #readBooks(): Promise<void> {
    await this.#clock.until(this.#books.look(this.#clock.nowMs));
    if (this.#broken) throw this.#broken;
  }

  /** From now on nothing fails, and nobody does anything. */
  async #heal(): Promise<void> {
    this.journal.note("everybody", "rests, and nothing fails any more");
    this.#wire.lose(0);
    for (const node of this.#nodes.values()) node.recover();
    for (const device of this.#devices) {
      device.disk.become("fine");
      device.weather = fair;
      for (const tab of device.tabs) tab.thaw();
      const used = device.name === "laptop" ? owners : (["ada"] as const);
      // Who still has a page open opens no other: one of those must do the work.
      const closed = used.filter((owner) => ![...device.tabs].some((tab) => tab.owner === owner));
      for (const owner of closed) this.#openTab(device, owner);
    }
    await this.#pass(REST_MS);
    this.#promises.look();
    await this.#readBooks();
  }

  async #close(): Promise<void> {
    this.#promises.close(this.#tabs());
    await this.#clock.until(this.#books.close(this.#replies, this.#promises.asked));
    const [node] = this.#nodes.values();
    for (const owner of owners) {
      const request = { flow: null, limit: 100, after: null };
      const caller = node!.sessions.router.createCaller({ user: owner });
      const listed = await this.#clock.until(hosts.run(node!, () => caller.list(request)));
      const truth: Snapshot[] = [...listed.active, ...listed.ended];
      for (const tab of this.#tabs()) {
        if (tab.owner === owner) this.#screens.requireAgreement(tab, today.flows, truth);
      }
    }
  }

  #startNode(name: string): void {
    const node = new ServerNode({
      name,
      clock: this.#clock,
      random: this.#chance(`${name} ${this.#clock.nowMs}`),
      database: this.#database,
      deployment: today,
      bus: this.#wire,
      onDeath: () => {
        this.journal.note(name, "dies");
        this.#network.cut((stream) => stream.node === node);
        if (!this.#isOver) this.#clock.after(ABSENCE_MS, () => this.#startNode(name));
      },
    });
    this.#nodes.set(name, node);
  }

  #openTab(device: SimulatedDevice, owner: string): void {
    this.#opened += 1;
    const name = `${device.name} ${owner[0]}${this.#opened}`;
    this.journal.note(name, "opens");
    const tab = new Tab({
      name,
      owner,
      device,
      clock: this.#clock,
      random: this.#chance(name),
      flows: today.flows,
      transportOf: (one) => this.#network.transportOf(one),
    });
    // A page lists what there is.
    hosts.run(tab, () => today.flows.map((flow) => tab.sessions.list(flow)));
  }

  #tabs(): readonly Tab[] {
    return this.#devices.flatMap(({ tabs }) => [...tabs]);
  }

  #chance(name: string) {
    return chanceOf(this.#plan.chance, name);
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

function pick<T>(all: readonly T[], nth: number): T | undefined {
  return all[nth % Math.max(1, all.length)];
}
