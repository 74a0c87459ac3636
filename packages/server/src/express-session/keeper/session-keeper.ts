import { randomInt } from "node:crypto";
import type { Kysely } from "kysely";
import { Committer, QueueFullError } from "../../postgres/committer.ts";
import { isDataError, isTransient } from "../../postgres/errors.ts";
import { SessionsError } from "@sessions/core/internal";
import { deleteWebSessions } from "../rows/lists.ts";
import { readWebSessions, type FoundWebSession, type WebSessionKey } from "../rows/read-statement.ts";
import type { StoredWebSession } from "../rows/stored-web-session.ts";
import { writeWebSessions, type WebSessionWrite } from "../rows/write-statement.ts";
import { deleteAdopted, deleteByKey, type AdoptedTable } from "../rows/adopted-table.ts";
import type { Adoption } from "./adoption.ts";
import type { WebSessionTables } from "../rows/tables.ts";
import { BatchedReads } from "./batched-reads.ts";
import { touchWindow } from "./deadline.ts";
import { PendingTouches } from "./pending-touches.ts";
import { SessionLists } from "./session-lists.ts";
import { areEqual, merge, partsOf, textOf, type SessionParts } from "./session-parts.ts";
import type { StoreDatabase } from "./store-database.ts";
import { Turns } from "./turns.ts";

/** The most writes in one statement, and the most that wait. */
const BATCH_SIZE = 200;
const QUEUE_SIZE = 100_000;
const DELETED_AT_ONCE = 500;
/** How often a write is tried that others come before. */
const MAX_ATTEMPTS = 20;

interface Place {
  readonly schema: string;
  readonly namespace: string;
  readonly old?: AdoptedTable;
}

/** A session as a request read it, or as it wrote it last. */
export interface Base {
  readonly key: string;
  readonly parts: SessionParts;
  /** The cookie as it was read. A request that only reads needs nothing else for its touch. */
  readonly cookie?: object | undefined;
  /** The version of the row that holds just these parts. Null if another request's changes are in the row too. */
  readonly version: number | null;
  readonly expiresMs: number;
}

export interface SessionKeeperOptions {
  readonly database: StoreDatabase;
  readonly namespace: string;
  readonly touchEveryMs: number;
  /** The most sessions, and bytes of JSON, that `all` gives. */
  readonly allAtMost: { readonly sessions: number; readonly bytes: number };
  /** The table that is taken over, if there is one. */
  readonly adoption: Adoption | undefined;
  readonly now: () => number;
}

/** Keeps web sessions in a database. Each call of one session sees the calls before it. */
export class SessionKeeper {
  readonly #options: SessionKeeperOptions;
  readonly #place: Place;
  readonly #reads: BatchedReads;
  readonly #committer: Committer<WebSessionWrite>;
  readonly #touches: PendingTouches;
  readonly #turns = new Turns();
  readonly #lists: SessionLists;

  constructor(options: SessionKeeperOptions) {
    const { database, namespace, now } = options;
    this.#options = options;
    this.#place = { schema: database.schema, namespace };
    this.#reads = new BatchedReads((keys) => this.#run((db, place) => readWebSessions(db, place, keys)));
    this.#committer = new Committer({
      commit: (batch) => this.#run((db, place) => writeWebSessions(db, place, batch, now())),
      isTransient,
      isFaultOfOneWrite: isDataError,
      batchSize: BATCH_SIZE,
      queueSize: QUEUE_SIZE,
    });
    this.#lists = new SessionLists({ ...options, place: this.#place });
    this.#touches = new PendingTouches((touch) => this.#commit({ kind: "extend", ...touch }));
  }

  /** A live session. */
  async read(key: WebSessionKey): Promise<StoredWebSession | undefined> {
    await this.#turns.settled(key.key);
    return this.#read(key);
  }

  /** The deadline of a session, which a touch that waits may have moved. */
  deadlineOf({ key, expiresMs }: { readonly key: string; readonly expiresMs: number }): number {
    return Math.max(expiresMs, this.#touches.get(key) ?? 0);
  }

  /** Writes a session, whether there is one or not. */
  put(key: WebSessionKey, parts: SessionParts | undefined, text: string, expiresMs: number): Promise<Base | undefined> {
    return this.#turns.run(key.key, async () => {
      const version = newVersion();
      await this.#commit({ kind: "put", ...key, data: text, version, expiresMs });
      this.#touches.delete(key.key);
      return parts && { key: key.key, parts, version, expiresMs };
    });
  }

  /**
   * Writes what has changed since `base`. Undefined if the session has ended meanwhile: it is not written then. If nothing
   * but its deadline has changed, this is a touch.
   */
  async replace(key: WebSessionKey, base: Base, mine: SessionParts, expiresMs: number): Promise<Base | undefined> {
    if (areEqual(base.parts, mine)) {
      await this.touch(key, base, expiresMs);
      return { ...base, parts: mine };
    }
    return this.#turns.run(key.key, () => this.#replace(key, base, mine, expiresMs));
  }

  /** Moves the deadline of a live session. It writes no data. */
  async touch(key: WebSessionKey, base: Base | undefined, expiresMs: number): Promise<void> {
    const { now, touchEveryMs } = this.#options;
    const laterMs = base === undefined ? -1 : expiresMs - base.expiresMs;
    const windowMs = touchWindow(touchEveryMs, expiresMs - now());
    if (laterMs >= 0 && laterMs < windowMs && this.#touches.add({ ...key, expiresMs }, windowMs)) return;
    await this.#turns.run(key.key, async () => {
      await this.#commit({ kind: "touch", ...key, expiresMs });
      this.#touches.delete(key.key);
    });
  }

  /** `isKnown` says whether the key has the session's id. */
  destroy(key: WebSessionKey, isKnown = true): Promise<void> {
    return this.#turns.run(key.key, async () => {
      if (!isKnown) await this.#run(async (db, { old }) => old && deleteByKey(db, old, key.key));
      await this.#commit({ kind: "destroy", ...key });
      this.#touches.delete(key.key);
    });
  }

  /** All live sessions. @throws {SessionsError} `database_failed` if they are more than `allAtMost`. */
  async all(): Promise<readonly StoredWebSession[]> {
    await this.#settled();
    return this.#lists.all();
  }

  /** How many live sessions there are. A number above 10,000 may be a minute old. */
  async count(): Promise<number> {
    await this.#settled();
    return this.#lists.count();
  }

  async clear(): Promise<void> {
    const { database } = this.#options;
    await this.#turns.settled();
    this.#touches.clear();
    await this.#run(async (db, { old }) => old && deleteAdopted(db, old));
    let deleted: number;
    do deleted = await database.run((db) => deleteWebSessions(db, this.#place, DELETED_AT_ONCE));
    while (deleted === DELETED_AT_ONCE);
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    await this.#turns.settled();
    await this.#touches.write();
    this.#touches.clear();
  }

  /** Waits for the writes that were asked for, and copies what is not copied yet. */
  async #settled(): Promise<void> {
    await this.#turns.settled();
    await this.#options.adoption?.copy();
  }

  #live(stored: StoredWebSession | undefined): StoredWebSession | undefined {
    return stored && this.deadlineOf(stored) > this.#options.now() ? stored : undefined;
  }

  /** Runs statements, on the adopted table too as long as there is one. */
  #run<T>(work: (db: Kysely<WebSessionTables>, place: Place) => Promise<T>): Promise<T> {
    const { database, adoption } = this.#options;
    return database.run((db) =>
      adoption === undefined
        ? work(db, this.#place)
        : adoption.with(db, (old) => work(db, { ...this.#place, ...(old && { old }) })),
    );
  }

  async #read(key: WebSessionKey): Promise<StoredWebSession | undefined> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const found = await this.#reads.read(key);
      const step = found && stepOf(found, this.#options.now());
      if (step === undefined || step === "take") return this.#live(found?.stored);
      const { stored } = found!;
      if (step === "adopt") await this.#commit({ kind: "adopt", ...key, version: newVersion() });
      else if (stored) await this.#commit({ kind: "drop", ...key, base: stored.version });
    }
    throw new SessionsError("database_failed", `A session was changed ${MAX_ATTEMPTS} times while it was read.`);
  }

  async #commit(write: WebSessionWrite): Promise<boolean> {
    try {
      return await this.#committer.commit(write);
    } catch (error) {
      if (!(error instanceof QueueFullError)) throw error;
      throw new SessionsError("database_unreachable", `${QUEUE_SIZE} writes wait already: the database is too slow.`);
    }
  }

  async #replace(key: WebSessionKey, base: Base, mine: SessionParts, expiresMs: number): Promise<Base | undefined> {
    let current = base.version;
    let parts = mine;
    const version = newVersion();
    const written = () => ({ key: key.key, parts: mine, version: parts === mine ? version : null, expiresMs });
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      if (
        current !== null &&
        (await this.#commit({ kind: "replace", ...key, data: textOf(parts), version, base: current, expiresMs }))
      ) {
        this.#touches.delete(key.key);
        return written();
      }
      const stored = await this.#read(key);
      if (stored === undefined) return undefined;
      // The write before this one was made, although its answer was lost.
      if (stored.version === version) return written();
      const theirs = partsOf(JSON.parse(stored.data));
      current = stored.version;
      parts = theirs === undefined ? mine : merge(base.parts, mine, theirs);
    }
    throw new SessionsError("database_failed", `A session was changed ${MAX_ATTEMPTS} times while it was written.`);
  }
}

/**
 * What a read does with the rows of both tables. Nodes that still work on the adopted table change only that one, so if it
 * differs from what it was when both were equal, it is newer. A copy whose original is gone was destroyed by such a node.
 */
function stepOf({ stored, adopted, old }: FoundWebSession, nowMs: number): "take" | "adopt" | "drop" {
  if (old === undefined) return stored !== undefined && adopted !== null ? "drop" : "take";
  // A row that was written without the adopted table is newer than that table.
  if (stored !== undefined && adopted === null) return "take";
  const isEqual = stored !== undefined && adopted === old.md5;
  if (old.expiresMs <= nowMs) return isEqual || stored === undefined ? "take" : "drop";
  return isEqual && old.expiresMs <= Math.ceil(stored.expiresMs / 1_000) * 1_000 ? "take" : "adopt";
}

/** Two changes never get the same version, not even if a session ends and begins again. */
function newVersion(): number {
  return randomInt(2 ** 48 - 1);
}
