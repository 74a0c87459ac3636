import type { AnyFlow } from "@sessions/core";
import type { Sessions, SessionTransport } from "@sessions/client";
import { assembleSessions } from "../../client/src/sessions.ts";
import type { Random } from "../../server/src/testing/random.ts";
import type { BrowserShare } from "./browser.ts";
import { idFrom } from "./chance.ts";
import type { Clock } from "./clock.ts";
import type { Disk } from "./disk.ts";
import { hosts, type Host } from "./hosts.ts";
import type { Weather } from "./network.ts";

/** A browser profile: what its tabs share. */
export interface SimulatedDevice {
  readonly name: string;
  readonly disk: Disk;
  readonly share: BrowserShare;
  readonly tabs: Set<Tab>;
  /** Whether its browser has Web Locks. */
  readonly hasLocks: boolean;
  /** The device's clock less the world's, in milliseconds. */
  readonly skewMs: number;
  weather: Weather;
}

export interface TabOptions {
  readonly name: string;
  readonly owner: string;
  readonly device: SimulatedDevice;
  readonly clock: Clock;
  readonly random: Random;
  readonly flows: readonly AnyFlow[];
  readonly transportOf: (tab: Tab) => SessionTransport;
}

/** A page of one owner: the project's own client, with everything around it simulated. */
export class Tab implements Host {
  readonly name: string;
  readonly owner: string;
  readonly device: SimulatedDevice;
  readonly sessions: Sessions;
  readonly #connections = new Set<IDBDatabase>();
  readonly #held: (() => void)[] = [];
  #is: "awake" | "frozen" | "gone" = "awake";

  constructor({ name, owner, device, clock, random, flows, transportOf }: TabOptions) {
    this.name = name;
    this.owner = owner;
    this.device = device;
    device.tabs.add(this);
    const now = () => clock.nowMs + device.skewMs;
    this.sessions = hosts.run(this, () =>
      assembleSessions(
        { flows, owner, transport: transportOf(this), deviceName: device.name },
        {
          now,
          random: () => random.next(),
          id: () => idFrom(random, now()),
          after: (ms, run) => clock.after(ms, () => this.run(run)),
        },
      ),
    );
  }

  get alive(): boolean {
    return this.#is !== "gone";
  }

  /** What the globals of a page are for it. */
  get browser(): {
    readonly indexedDB: IDBFactory | undefined;
    readonly navigator: object;
    readonly BroadcastChannel: object;
  } {
    const { disk, share, hasLocks } = this.device;
    const indexedDB = this.alive ? disk.openFor(this, (connection) => this.#connections.add(connection)) : undefined;
    const navigator = { onLine: !this.device.weather.away, ...(hasLocks && { locks: share.locksOf(this) }) };
    return { indexedDB, navigator, BroadcastChannel: share.channelsOf(this) };
  }

  run(work: () => void): void {
    if (this.#is === "awake") hosts.run(this, work);
    else if (this.#is === "frozen") this.#held.push(work);
  }

  freeze(): void {
    if (this.#is === "awake") this.#is = "frozen";
  }

  thaw(): void {
    if (this.#is !== "frozen") return;
    this.#is = "awake";
    for (const work of this.#held.splice(0)) this.run(work);
  }

  /** The process is gone at this instant. What it asked the disk for and is not committed is undone. */
  crash(): void {
    this.#is = "gone";
    this.device.tabs.delete(this);
    this.device.share.release(this);
    for (const connection of this.#connections) connection.close();
  }
}
