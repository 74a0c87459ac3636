import type { SessionsClient, SessionTransport } from "@sessions/client";
import { assembleSessionsClient } from "../../../client/src/sessions.ts";
import type { Random } from "../../../server/src/testing/random.ts";
import type { LocksAndChannels } from "./locks-and-channels.ts";
import { createId } from "../random.ts";
import type { Clock } from "../clock.ts";
import type { Disk } from "./disk.ts";
import type { Deployment } from "../flows.ts";
import { currentProcess, type SimulatedProcess } from "../simulated-process.ts";
import type { NetworkConditions } from "../network-conditions.ts";
import { PageEvents, type Cookies } from "./page-events.ts";

/** A browser profile, with the things that its tabs share. */
export interface SimulatedDevice {
  readonly name: string;
  readonly disk: Disk;
  readonly cookies: Cookies;
  readonly locksAndChannels: LocksAndChannels;
  readonly tabs: Set<Tab>;
  /** Whether its browser has Web Locks. */
  readonly hasLocks: boolean;
  /** The device's clock less the world's, in milliseconds. */
  readonly skewMs: number;
  conditions: NetworkConditions;
}

export interface TabOptions {
  readonly name: string;
  readonly owner: string;
  readonly device: SimulatedDevice;
  readonly clock: Clock;
  readonly random: Random;
  readonly deployment: Deployment;
  readonly transportOf: (tab: Tab) => SessionTransport;
}

/** Why a tab sleeps: the machine is suspended, the browser freezes the page, or it caches the page for the back button. */
export type SleepKind = "suspended" | "frozen" | "cached";

/**
 * A page of one owner: the project's own client in a simulated browser. The client's code runs only by `run`, and gets
 * this tab's `indexedDB`, `navigator` and `document` as its globals (`globals.ts`).
 *
 * For example, `sleep("frozen")` stops the page as a phone does: timers and replies wait in `#delayed` until `wake`. After
 * `crash` they never run, and a transaction that is not committed is undone.
 */
export class Tab implements SimulatedProcess {
  readonly name: string;
  readonly owner: string;
  readonly device: SimulatedDevice;
  readonly deployment: Deployment;
  readonly sessions: SessionsClient;
  /** Ids that this tab uses next, instead of new ones. */
  readonly nextIds: string[] = [];
  readonly #pageEvents: PageEvents;
  readonly #connections = new Set<IDBDatabase>();
  readonly #delayed: (() => void)[] = [];
  #state: "awake" | SleepKind | "gone" = "awake";

  constructor({ name, owner, device, clock, random, deployment, transportOf }: TabOptions) {
    this.name = name;
    this.owner = owner;
    this.device = device;
    this.deployment = deployment;
    this.#pageEvents = new PageEvents(device.cookies);
    device.tabs.add(this);
    const now = () => clock.nowMs + device.skewMs;
    this.sessions = currentProcess.run(this, () =>
      assembleSessionsClient(
        { flows: deployment.flows, owner, transport: transportOf(this), deviceName: device.name },
        {
          now,
          elapsed: () => clock.nowMs,
          random: () => random.next(),
          id: () => this.nextIds.shift() ?? createId(random, now()),
          after: (ms, run) => clock.after(ms, () => this.run(run)),
        },
      ),
    );
  }

  get alive(): boolean {
    return this.#state !== "gone";
  }

  /** The globals that the code of this page gets. */
  get browser(): {
    readonly indexedDB: IDBFactory | undefined;
    readonly navigator: object;
    readonly BroadcastChannel: object;
    readonly document: EventTarget;
    readonly window: EventTarget;
    readonly location: object;
  } {
    const { disk, locksAndChannels, hasLocks } = this.device;
    const indexedDB = this.alive ? disk.openFor(this, (connection) => this.#connections.add(connection)) : undefined;
    const navigator = {
      onLine: !this.device.conditions.away,
      ...(hasLocks && { locks: locksAndChannels.locksOf(this) }),
    };
    const { document, window, location } = this.#pageEvents;
    return { indexedDB, navigator, BroadcastChannel: locksAndChannels.channelsOf(this), document, window, location };
  }

  run(work: () => void): void {
    if (this.#state === "awake") currentProcess.run(this, work);
    else if (this.alive) this.#delayed.push(work);
  }

  /** Tells the page whether its device is online. */
  connect(isOnline: boolean): void {
    this.run(() => this.#pageEvents.connect(isOnline));
  }

  sleep(how: SleepKind): void {
    if (this.#state !== "awake") return;
    if (how !== "suspended")
      currentProcess.run(this, () => (how === "frozen" ? this.#pageEvents.freeze() : this.#pageEvents.hide()));
    this.#state = how;
  }

  wake(): void {
    const slept = this.#state;
    if (slept === "awake" || slept === "gone") return;
    this.#state = "awake";
    if (slept !== "suspended")
      currentProcess.run(this, () => (slept === "frozen" ? this.#pageEvents.resume() : this.#pageEvents.comeBack()));
    for (const work of this.#delayed.splice(0)) this.run(work);
  }

  /** Kills the page. Its transactions that are not committed are undone. */
  crash(): void {
    this.#state = "gone";
    this.device.tabs.delete(this);
    this.device.locksAndChannels.release(this);
    for (const connection of this.#connections) connection.close();
  }
}
