import type { Snapshot } from "@sessions/core";
import { DatabaseChecks } from "./checks/database.ts";
import { Clock } from "./clock.ts";
import type { SimulatedDatabase } from "./nodes/database.ts";
import { inputFor, today } from "./flows.ts";
import { installGlobals } from "./globals.ts";
import { hosts } from "./hosts.ts";
import type { Journal } from "./journal.ts";
import { act, rush } from "./person.ts";
import type { Action, Plan } from "./plan.ts";
import { ABSENCE_MS, nodeNames, owners, Cluster } from "./cluster.ts";
import type { Tab } from "./browser/tab.ts";

/** When every world begins, in milliseconds since 1970. */
export const START_MS = Date.UTC(2026, 2, 2, 9);

/** How long everything is given to come to rest once nothing fails any more: longer than the slowest poll. */
const REST_MS = 150_000;

/** How long until what was in memory alone is written, in milliseconds: longer than the client's tick. */
const HEALING_MS = 20_000;

/** A stage, and everything that the plan says happens on it. */
export class World {
  readonly #plan: Plan;
  readonly #clock: Clock;
  readonly #stage: Cluster;
  readonly #books: DatabaseChecks;
  #waitMs = 0;

  constructor(plan: Plan, database: SimulatedDatabase) {
    this.#plan = plan;
    this.#clock = new Clock(START_MS, database.rest);
    this.#stage = new Cluster(this.#clock, plan.chance, database);
    this.#books = new DatabaseChecks(database.db);
  }

  get journal(): Journal {
    return this.#stage.journal;
  }

  /** Lets everything happen, and looks at every step whether all that must hold does. @throws {Broken} */
  async run(): Promise<void> {
    const cluster = this.#stage;
    const uninstall = installGlobals(this.#clock, () => 1);
    try {
      for (const name of nodeNames) cluster.startNode(name);
      const [phone, laptop, old] = cluster.devices;
      const first = cluster.openTab(phone!, "ada");
      cluster.openTab(phone!, "ada");
      for (const owner of owners) cluster.openTab(laptop!, owner);
      cluster.openTab(old!, "ada");
      await this.#pass(500);
      await this.#prepare(first);
      for (const [index, action] of this.#plan.actions.entries()) {
        await this.#pass(action.afterMs);
        this.#do(action);
        await this.#pass(0);
        cluster.promises.look();
        // The triggers' notes keep: they need not be read each time.
        if (index % 5 === 0) await this.#readBooks();
      }
      await this.#heal();
      await this.#close();
    } finally {
      cluster.end();
      // What was begun comes to its end, so that nothing of this world reaches into the next one.
      await this.#clock.pass(ABSENCE_MS);
      uninstall();
    }
  }

  /** Transfers that only wait for what cannot be undone. */
  async #prepare(tab: Tab): Promise<void> {
    const { promises } = this.#stage;
    const [flow] = today.flows;
    for (let number = 0; number < this.#plan.reviews; number += 1) {
      hosts.run(tab, () => {
        const session = tab.sessions.start(flow!);
        promises.started(tab, session.id);
        for (const step of ["recipient", "amount"]) {
          const input = inputFor(step, number, today.version);
          const submission = session.submit(step, input);
          promises.given.set(submission.id, { owner: tab.owner, version: today.version, step, input });
          promises.submitted(tab, session, submission, false);
        }
      });
    }
    if (this.#plan.reviews > 0) await this.#pass(3_000);
  }

  #do(action: Action): void {
    const { journal, promises, screens, tabs, devices, nodes, wire, network } = this.#stage;
    const node = "node" in action ? nodes.get(pick(nodeNames, action.node)!)! : undefined;
    const device = "device" in action ? pick(devices, action.device)! : undefined;
    switch (action.kind) {
      case "person": {
        const tab = pick(tabs, action.tab);
        if (tab === undefined) return;
        const foreign = [...promises.sessions].flatMap(([owner, ids]) => (owner === tab.owner ? [] : [...ids]));
        return tab.run(() => promises.isLeft(tab) || act(tab, action, { journal, promises, screens, foreign }));
      }
      case "rush":
        for (const tab of tabs.filter(({ owner }) => owner === pick(owners, action.owner))) {
          tab.run(() => promises.isLeft(tab) || rush(tab, { journal, promises, screens, foreign: [] }));
        }
        return;
      case "tab":
        return this.#doToTab(action.does, action.tab);
      case "disk":
        journal.note(device!.name, `its disk: ${action.does}`);
        if (action.does === "close") return device!.disk.closeAll();
        if (action.does === "evict" || action.does === "clear")
          return this.#stage.evict(device!, action.does === "clear");
        return device!.disk.become(action.does);
      case "network":
        device!.conditions = action.conditions;
        journal.note(device!.name, `its network: ${JSON.stringify(action.conditions)}`);
        if (action.conditions.away) network.cut(({ tab }) => tab.device === device);
        for (const tab of device!.tabs) tab.connect(!action.conditions.away);
        return;
      case "node": {
        const { kind, after, fate, dies } = action.fault;
        journal.note(node!.name, `${dies ? "dies" : "fails"} at a ${kind} to come (${after}): ${fate}`);
        return node!.await(action.fault);
      }
      case "death":
        return node!.die();
      case "bus":
        journal.note("bus", `loses ${action.loss}`);
        return wire.lose(action.loss);
      case "sweep":
        journal.note(node!.name, "sweeps");
        return node!.run(() => void node!.sessions.sweep().catch(() => {}));
      case "deploy":
        return this.#stage.deploy(action.what);
      case "night":
        journal.note("everybody", `sleeps for ${action.minutes} minutes`);
        for (const tab of tabs) this.#stage.sleep(tab, "stopped", action.minutes * 60_000);
        this.#waitMs = action.minutes * 60_000;
        return;
      case "wait":
        journal.note("everybody", `waits ${action.minutes} minutes`);
        this.#waitMs = action.minutes * 60_000;
    }
  }

  #doToTab(does: Extract<Action, { kind: "tab" }>["does"], nth: number): void {
    const cluster = this.#stage;
    const tab = pick(cluster.tabs, nth);
    if (tab === undefined || does === "open") {
      const device = pick(cluster.devices, nth)!;
      if (device.tabs.size < 4) cluster.openTab(device, device.name === "laptop" ? pick(owners, nth)! : "ada");
      return;
    }
    cluster.journal.note(tab.name, `is to ${does}`);
    if (does === "stopped" || does === "frozen" || does === "kept") return cluster.sleep(tab, does, ABSENCE_MS);
    if (does === "sign out") return tab.run(() => void cluster.signOut(tab));
    if (does === "close") tab.run(() => tab.sessions.close());
    tab.crash();
    if (does === "reload") cluster.openTab(tab.device, tab.owner);
  }

  async #pass(ms: number): Promise<void> {
    await this.#clock.pass(ms + this.#waitMs);
    this.#waitMs = 0;
    this.#stage.requireWhole();
  }

  async #readBooks(): Promise<void> {
    await this.#clock.until(this.#books.look(this.#clock.nowMs));
    this.#stage.requireWhole();
  }

  /** From now on nobody does anything; a deployment that has begun is finished. */
  async #heal(): Promise<void> {
    const cluster = this.#stage;
    cluster.journal.note("everybody", "rests, and nothing fails any more");
    cluster.heal();
    if (cluster.isDeploying) {
      cluster.deploy("nodes");
      cluster.deploy("pages");
      await this.#pass(HEALING_MS);
      cluster.reloadOld();
    }
    await this.#pass(REST_MS);
    cluster.promises.look();
    await this.#readBooks();
  }

  async #close(): Promise<void> {
    const { promises, replies, screens, nodes, tabs } = this.#stage;
    promises.close(tabs, await this.#clock.until(this.#books.close(replies, promises.asked)));
    const [node] = nodes.values();
    for (const owner of owners) {
      const request = { flow: null, limit: 100, after: null };
      const caller = node!.sessions.router.createCaller({ user: owner });
      const listed = await this.#clock.until(hosts.run(node!, () => caller.list(request)));
      const truth: Snapshot[] = [...listed.active, ...listed.ended];
      for (const tab of tabs) if (tab.owner === owner) screens.requireAgreement(tab, truth);
      promises.draftChecks.close(owner, truth);
    }
  }
}

function pick<T>(all: readonly T[], nth: number): T | undefined {
  return all[nth % Math.max(1, all.length)];
}
