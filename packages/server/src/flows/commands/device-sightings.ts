import type { Kysely } from "kysely";
import { LRUCache } from "lru-cache";
import { isVisitor, type Device } from "@sessions/core/internal";
import { recordDevice } from "../../postgres/device.ts";
import { lockOwner } from "../../postgres/owner.ts";
import type { ErasureTables } from "../../erasure/tables.ts";
import type { OwnerTables } from "../../postgres/tables.ts";
import { isErasedSince } from "../../erasure/tombstones.ts";

/** How often the time at which a device was last seen is written, in milliseconds. */
const WRITE_EVERY_MS = 3_600_000;

/** For how long after an erasure no device is written, in milliseconds: longer than a push takes. */
const ERASED_MS = 60_000;

export interface DeviceSightingsOptions {
  /** With the schema of the tables. */
  readonly db: Kysely<OwnerTables>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How many devices of one owner are kept. */
  readonly ownerDevices: number;
}

/** When each device was last seen, and its name. A device that goes on sending is written once in a while. */
export class DeviceSightings {
  readonly #options: DeviceSightingsOptions;
  /** The name under which each device was last written. */
  readonly #written = new LRUCache<string, string>({ max: 10_000, ttl: WRITE_EVERY_MS });

  constructor(options: DeviceSightingsOptions) {
    this.#options = options;
  }

  async record(owner: string, device: Device): Promise<void> {
    const { db, now, ownerDevices } = this.#options;
    const key = `${device.id} ${owner}`;
    if (this.#written.get(key) === device.name) return;
    const at = new Date(now()).toISOString();
    // The commands may have been decided before the erasure. The device's next push writes it.
    const since = new Date(now() - ERASED_MS).toISOString();
    if (await isErasedSince(db.$extendTables<Pick<ErasureTables, "erasure" | "erasure_begun">>(), owner, since)) return;
    if (!isVisitor(owner)) await recordDevice(db, owner, device, at, ownerDevices);
    else await this.#recordUnlessAdopted(owner, device, at);
    this.#written.set(key, device.name);
  }

  /** The devices of a visitor move once, with the adoption. */
  async #recordUnlessAdopted(visitor: string, device: Device, at: string): Promise<void> {
    const { db, ownerDevices } = this.#options;
    await db.transaction().execute(async (tx) => {
      const { adopter } = await lockOwner(tx, visitor, at);
      if (adopter === null) await recordDevice(tx, visitor, device, at, ownerDevices);
    });
  }
}
