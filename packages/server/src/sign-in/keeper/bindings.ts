import { addEntry, insertInvalidation } from "../rows/history.ts";
import { loadLive, lockLive, updateBinding, updateLive } from "../rows/live.ts";
import { challengeNumber, createBinding, type DeviceBinding } from "../token/device-binding.ts";
import type { Invalidations } from "./cache/invalidations.ts";
import type { KeeperContext } from "./context.ts";
import type { Archiver } from "./ends/archiver.ts";
import type { LiveSignIn, RenewResult } from "./sign-in-keeper.ts";
import { transactWithRetries } from "./transactions/transaction.ts";

/** How often a renewal begins again because another one came first. Then its challenge is the one before the newest. */
const MAX_ATTEMPTS = 3;

/** Binds sign-ins to the keys of devices. */
export class Bindings {
  readonly #context: KeeperContext;
  readonly #invalidations: Invalidations;
  readonly #archiver: Archiver;

  constructor(context: KeeperContext, invalidations: Invalidations, archiver: Archiver) {
    this.#context = context;
    this.#invalidations = invalidations;
    this.#archiver = archiver;
  }

  /** Null if the sign-in has ended, or is bound to another key. */
  async bind({ owner, publicId }: LiveSignIn, key: string): Promise<DeviceBinding | null> {
    const { random, partitions, now } = this.#context;
    const bound = await transactWithRetries(this.#context, async (tx) => {
      const row = await lockLive(tx, owner, publicId);
      const nowMs = now();
      if (row === null || !(await this.#archiver.lives(tx, row, nowMs))) return null;
      // The attempt before may have committed, or its reply was lost.
      if (row.binding !== null) return row.binding.key === key ? row : null;
      partitions.require(nowMs);
      const rotation = { ...row.rotation, revision: row.rotation.revision + 1 };
      const next = { ...row, rotation, binding: createBinding(key, nowMs, random) };
      const { signIn, entry } = addEntry(next, "bound", nowMs);
      await updateLive(tx, signIn);
      await insertInvalidation(tx, owner, entry);
      return signIn;
    });
    if (bound === null) return null;
    this.#invalidations.tell([{ kind: "changed", owner, id: publicId, revision: bound.rotation.revision }]);
    return bound.binding;
  }

  /** Takes a proof for the challenge that it has signed. Without a challenge it only tells the binding. */
  async renew({ owner, publicId }: LiveSignIn, challenge: string | null): Promise<RenewResult> {
    const { db, schema, now } = this.#context;
    const ownDb = db.withSchema(schema);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const row = await loadLive(ownDb, owner, publicId);
      if (row === null || row.binding === null) return { kind: "unbound" };
      const { binding } = row;
      const number = challenge === null ? undefined : challengeNumber(binding, publicId, challenge, now());
      if (number === undefined) return { kind: "unproved", binding };
      if (number < binding.number) return { kind: "proved", binding };
      const next = { ...binding, number: number + 1 };
      if (await updateBinding(ownDb, { owner, id: publicId }, binding, next)) return { kind: "proved", binding: next };
    }
    return { kind: "unbound" };
  }
}
