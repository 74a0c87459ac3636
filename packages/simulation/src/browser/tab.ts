import type { Sessions, SessionTransport } from "@sessions/client";
import { assembleSessions } from "../../../client/src/sessions.ts";
import type { Random } from "../../../server/src/testing/random.ts";
import type { BrowserShare } from "./browser.ts";
import { idFrom } from "../random.ts";
import type { Clock } from "../clock.ts";
import type { Disk } from "./disk.ts";
import type { Deployment } from "../flows.ts";
import { currentHost, type Host } from "../host.ts";
import type { NetworkConditions } from "../network-conditions.ts";
import { Page, type Cookies } from "./page.ts";

/** A browser profile, with the things that its tabs share. */
export interface SimulatedDevice {
  readonly name: string;
  readonly disk: Disk;
  readonly cookies: Cookies;
  readonly share: BrowserShare;
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

/** Why a tab sleeps: the machine sleeps, the browser freezes the page, or it keeps the page for the back button. */
export type Sleep = "stopped" | "frozen" | "kept";

/**
 * A page of one owner: the project's own client in a simulated browser. The client's code runs only by `run`, and gets
 * this tab's `indexedDB`, `navigator` and `document` as its globals (`globals.ts`).
 *
 * For example, `sleep("frozen")` stops the page as a phone does: timers and replies wait in `#delayed` until `wake`. After
 * `crash` they never run, and a transaction that is not committed is undone.
 */
export class Tab implements Host {
  readonly name: string;
  readonly owner: string;
  readonly device: SimulatedDevice;
  readonly deployment: Deployment;
  readonly sessions: Sessions;
  /** Ids that this tab uses next, instead of new ones. */
  readonly nextIds: string[] = [];
  readonly #page: Page;
  readonly #connections = new Set<IDBDatabase>();
  readonly #delayed: (() => void)[] = [];
  #is: "awake" | Sleep | "gone" = "awake";

  constructor({ name, owner, device, clock, random, deployment, transportOf }: TabOptions) {
    this.name = name;
    this.owner = owner;
    this.device = device;
    this.deployment = deployment;
    this.#page = new Page(device.cookies);
    device.tabs.add(this);
    const now = () => clock.nowMs + device.skewMs;
    this.sessions = currentHost.run(this, () =>
      assembleSessions(
        { flows: deployment.flows, owner, transport: transportOf(this), deviceName: device.name },
        {
          now,
          elapsed: () => clock.nowMs,
          random: () => random.next(),
          id: () => this.nextIds.shift() ?? idFrom(random, now()),
          after: (ms, run) => clock.after(ms, () => this.run(run)),
        },
      ),
    );
  }

  get alive(): boolean {
    return this.#is !== "gone";
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
    const { disk, share, hasLocks } = this.device;
    const indexedDB = this.alive ? disk.openFor(this, (connection) => this.#connections.add(connection)) : undefined;
    const navigator = { onLine: !this.device.conditions.away, ...(hasLocks && { locks: share.locksOf(this) }) };
    const { document, window, location } = this.#page;
    return { indexedDB, navigator, BroadcastChannel: share.channelsOf(this), document, window, location };
  }

  run(work: () => void): void {
    if (this.#is === "awake") currentHost.run(this, work);
    else if (this.alive) this.#delayed.push(work);
  }

  /** Tells the page whether its device is online. */
  connect(isOnline: boolean): void {
    this.run(() => this.#page.connect(isOnline));
  }

  sleep(how: Sleep): void {
    if (this.#is !== "awake") return;
    if (how !== "stopped") currentHost.run(this, () => (how === "frozen" ? this.#page.freeze() : this.#page.hide()));
    this.#is = how;
  }

  wake(): void {
    const slept = this.#is;
    if (slept === "awake" || slept === "gone") return;
    this.#is = "awake";
    if (slept !== "stopped")
      currentHost.run(this, () => (slept === "frozen" ? this.#page.resume() : this.#page.comeBack()));
    for (const work of this.#delayed.splice(0)) this.run(work);
  }

  /** Kills the page. Its transactions that are not committed are undone. */
  crash(): void {
    this.#is = "gone";
    this.device.tabs.delete(this);
    this.device.share.release(this);
    for (const connection of this.#connections) connection.close();
  }
}
