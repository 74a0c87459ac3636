import type { Kysely } from "kysely";
import { expireIfDue, type Snapshot } from "@sessions/core/internal";
import type { Partitions } from "../postgres/partitions.ts";
import type { OwnerCiphers } from "../secrets/owner-ciphers.ts";
import type { Tables } from "./rows/tables.ts";
import { moveToArchive } from "./rows/archive.ts";
import { nextStored, type StoredSession } from "./rows/stored-session.ts";

export interface ExpiryOptions {
  readonly db: Kysely<Tables>;
  readonly schema: string;
  readonly ciphers: OwnerCiphers;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly partitions: Partitions;
  readonly publish: (owner: string, snapshot: Snapshot) => void;
}

/** Ends sessions whose deadline has passed: those that the sweeper finds, and those that are read before that. */
export class Expiry {
  readonly #options: ExpiryOptions;

  constructor(options: ExpiryOptions) {
    this.#options = options;
  }

  /**
   * Gives a session as it may be shown now. If its deadline has passed, it is ended first: until that is committed, a
   * command that was judged in time may still take its next revision. Undefined when another writer changed it meanwhile.
   */
  async enforceDeadline(owner: string, stored: StoredSession): Promise<Snapshot | undefined> {
    const snapshot = expireIfDue(stored.snapshot, this.#options.now());
    if (snapshot === stored.snapshot) return snapshot;
    return (await this.#end(owner, stored, snapshot)) ? snapshot : undefined;
  }

  /** Ends a session whose deadline has passed. False when it has not passed, or another writer changed the session first. */
  async endIfDue(owner: string, before: StoredSession): Promise<boolean> {
    const expired = expireIfDue(before.snapshot, this.#options.now());
    return expired !== before.snapshot && this.#end(owner, before, expired);
  }

  async #end(owner: string, before: StoredSession, expired: Snapshot): Promise<boolean> {
    const { ciphers, db, schema, partitions, publish } = this.#options;
    await partitions.ensure(Date.parse(before.snapshot.expiresAt));
    const cipher = await ciphers.forWriting(owner);
    const change = { kind: "end", status: "expired" } as const;
    const next = nextStored(cipher, before, { snapshot: expired }, change, null, null);
    const isEnded = await db.transaction().execute((tx) => moveToArchive(tx.withSchema(schema), owner, before, next));
    if (isEnded) publish(owner, expired);
    return isEnded;
  }
}
