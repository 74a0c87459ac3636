import type { Snapshot } from "@sessions/core/internal";
import { DatabaseChecks } from "./checks/database.ts";
import { Clock } from "./clock.ts";
import type { SimulatedDatabase } from "./nodes/database.ts";
import { exampleInput, firstDeployment } from "./flows.ts";
import { installGlobals } from "./globals.ts";
import { currentProcess } from "./simulated-process.ts";
import type { Journal } from "./journal.ts";
import { perform, confirmAll } from "./person.ts";
import type { Action, Plan } from "./plan.ts";
import { RESTART_MS, nodeNames, owners, Cluster } from "./cluster.ts";
import type { Tab } from "./browser/tab.ts";

/** When every world begins, in milliseconds since 1970. */
export const START_MS = Date.UTC(2026, 2, 2, 9);

/** How long a world may take to settle after the last fault, in milliseconds: longer than the slowest poll. */
const REST_MS = 150_000;

/** How long a client may take to write a record that is only in memory, in milliseconds: longer than its timer. */
const HEALING_MS = 20_000;

/**
 * One simulated world: a cluster, and the plan that says which events happen in it. A world always runs in this order:
 *
 * 1. Three nodes start and five tabs open.
 * 2. Each action of the plan runs after its pause. All checks run after each action.
 * 3. The faults end: disks work, networks work, and a deployment that has begun is finished.
 * 4. After `REST_MS` without new actions, every tab and the database must agree.
 *
 * For example, the plan `[{ kind: "person", does: "go on", … }, { kind: "crash node", … }]` submits a step in one tab and
 * then crashes the node that may be working on it. The run throws `SpecBrokenError` if the step is then lost or applied twice.
 */
export class World {
  readonly #plan: Plan;
  readonly #clock: Clock;
  readonly #cluster: Cluster;
  readonly #databaseChecks: DatabaseChecks;
  #waitMs = 0;

  constructor(plan: Plan, database: SimulatedDatabase) {
    this.#plan = plan;
    this.#clock = new Clock(START_MS, database.waitUntilIdle);
    this.#cluster = new Cluster(this.#clock, plan.randomSeed, database);
    this.#databaseChecks = new DatabaseChecks(database.db);
  }

  get journal(): Journal {
    return this.#cluster.journal;
  }

  /** Runs the plan. Checks every promise of SPEC.md after each action. @throws {SpecBrokenError} */
  async run(): Promise<void> {
    const cluster = this.#cluster;
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
        cluster.durability.check();
        // The database keeps the notes of its triggers, so that every fifth action is enough.
        if (index % 5 === 0) await this.#checkDatabase();
      }
      await this.#heal();
      await this.#close();
    } finally {
      cluster.end();
      // Started work must end here. Otherwise it would continue in the next world.
      await this.#clock.advance(RESTART_MS);
      uninstall();
    }
  }

  /** Starts transfers of which only the `confirm` step is left. */
  async #prepare(tab: Tab): Promise<void> {
    const { durability } = this.#cluster;
    const [flow] = firstDeployment.flows;
    for (let number = 0; number < this.#plan.reviews; number += 1) {
      currentProcess.run(tab, () => {
        const session = tab.sessions.start(flow!);
        durability.onStarted(tab, session.id);
        for (const step of ["recipient", "amount"]) {
          const input = exampleInput(step, number, firstDeployment.version);
          const submission = session.submit(step, input);
          durability.inputs.set(submission.id, { owner: tab.owner, version: firstDeployment.version, step, input });
          durability.onSubmitted(tab, session, submission, false);
        }
      });
    }
    if (this.#plan.reviews > 0) await this.#pass(3_000);
  }

  #do(action: Action): void {
    const { journal, durability, screens, tabs, devices, nodes, bus, network } = this.#cluster;
    const node = "node" in action ? nodes.get(pick(nodeNames, action.node)!)! : undefined;
    const device = "device" in action ? pick(devices, action.device)! : undefined;
    switch (action.kind) {
      case "person": {
        const tab = pick(tabs, action.tab);
        if (tab === undefined) return;
        const foreign = [...durability.sessions].flatMap(([owner, ids]) => (owner === tab.owner ? [] : [...ids]));
        return tab.run(
          () => durability.isSignedOut(tab) || perform(tab, action, { journal, durability, screens, foreign }),
        );
      }
      case "confirm all":
        for (const tab of tabs.filter(({ owner }) => owner === pick(owners, action.owner))) {
          tab.run(() => durability.isSignedOut(tab) || confirmAll(tab, { journal, durability, screens, foreign: [] }));
        }
        return;
      case "tab":
        return this.#doToTab(action.does, action.tab);
      case "disk":
        journal.note(device!.name, `its disk: ${action.does}`);
        if (action.does === "close") return device!.disk.closeAll();
        if (action.does === "evict" || action.does === "clear")
          return this.#cluster.evict(device!, action.does === "clear");
        return device!.disk.setState(action.does);
      case "network":
        device!.conditions = action.conditions;
        journal.note(device!.name, `its network: ${JSON.stringify(action.conditions)}`);
        if (action.conditions.away) network.cut(({ tab }) => tab.device === device);
        for (const tab of device!.tabs) tab.connect(!action.conditions.away);
        return;
      case "node": {
        const { kind, after, result, dies } = action.fault;
        journal.note(node!.name, `${dies ? "dies" : "fails"} at a ${kind} to come (${after}): ${result}`);
        return node!.failLater(action.fault);
      }
      case "crash node":
        return node!.die();
      case "bus":
        journal.note("bus", `loses ${action.loss}`);
        return bus.lose(action.loss);
      case "sweep":
        journal.note(node!.name, "sweeps");
        return node!.run(() => void node!.sessions.sweep().catch(() => {}));
      case "deploy":
        return this.#cluster.deploy(action.what);
      case "sleep":
        journal.note("everybody", `sleeps for ${action.minutes} minutes`);
        for (const tab of tabs) this.#cluster.sleep(tab, "suspended", action.minutes * 60_000);
        this.#waitMs = action.minutes * 60_000;
        return;
      case "wait":
        journal.note("everybody", `waits ${action.minutes} minutes`);
        this.#waitMs = action.minutes * 60_000;
    }
  }

  #doToTab(does: Extract<Action, { kind: "tab" }>["does"], nth: number): void {
    const cluster = this.#cluster;
    const tab = pick(cluster.tabs, nth);
    if (tab === undefined || does === "open") {
      const device = pick(cluster.devices, nth)!;
      if (device.tabs.size < 4) cluster.openTab(device, device.name === "laptop" ? pick(owners, nth)! : "ada");
      return;
    }
    cluster.journal.note(tab.name, `is to ${does}`);
    if (does === "suspended" || does === "frozen" || does === "cached") return cluster.sleep(tab, does, RESTART_MS);
    if (does === "sign out") return tab.run(() => void cluster.signOut(tab));
    if (does === "close") tab.run(() => tab.sessions.close());
    tab.crash();
    if (does === "reload") cluster.openTab(tab.device, tab.owner);
  }

  async #pass(ms: number): Promise<void> {
    await this.#clock.advance(ms + this.#waitMs);
    this.#waitMs = 0;
    this.#cluster.throwIfBroken();
  }

  async #checkDatabase(): Promise<void> {
    await this.#clock.until(this.#databaseChecks.check(this.#clock.nowMs));
    this.#cluster.throwIfBroken();
  }

  /** Ends all faults, finishes a deployment that has begun, and waits. */
  async #heal(): Promise<void> {
    const cluster = this.#cluster;
    cluster.journal.note("everybody", "rests, and nothing fails any more");
    cluster.heal();
    if (cluster.isDeploying) {
      cluster.deploy("nodes");
      cluster.deploy("pages");
      await this.#pass(HEALING_MS);
      cluster.reloadOld();
    }
    await this.#pass(REST_MS);
    cluster.durability.check();
    await this.#checkDatabase();
  }

  async #close(): Promise<void> {
    const { durability, replies, screens, nodes, tabs } = this.#cluster;
    durability.checkAtRest(
      tabs,
      await this.#clock.until(this.#databaseChecks.checkAtRest(replies, durability.commandIds)),
    );
    const [node] = nodes.values();
    for (const owner of owners) {
      const request = { flow: null, limit: 100, after: null };
      const caller = node!.sessions.router.createCaller({ user: owner });
      const listed = await this.#clock.until(currentProcess.run(node!, () => caller.list(request)));
      const truth: Snapshot[] = [...listed.active, ...listed.ended];
      for (const tab of tabs) if (tab.owner === owner) screens.requireAgreement(tab, truth);
      durability.drafts.checkAtRest(owner, truth);
    }
  }
}

function pick<T>(all: readonly T[], nth: number): T | undefined {
  return all[nth % Math.max(1, all.length)];
}
