import { randomInt } from "node:crypto";
import { SessionsError } from "@sessions/core/internal";
import { deleteAdopted, deleteByKey } from "../rows/adopted-table.ts";
import { deleteWebSessions } from "../rows/lists.ts";
import type { FoundWebSession, WebSessionKey } from "../rows/read-statement.ts";
import type { StoredWebSession } from "../rows/stored-web-session.ts";
import { touchWindow } from "./deadline.ts";
import { PendingTouches } from "./pending-touches.ts";
import { SessionLists } from "./session-lists.ts";
import { areEqual, merge, partsOf, textOf, type SessionParts } from "./session-parts.ts";
import { SessionRows, type SessionRowsOptions } from "./session-rows.ts";
import { settled, type Steps } from "./resumable-work.ts";
import { Turns } from "./turns.ts";

const DELETED_AT_ONCE = 500;
/** How often a write is tried that others come before. */
const MAX_ATTEMPTS = 20;

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

export interface SessionKeeperOptions extends SessionRowsOptions {
  readonly touchEveryMs: number;
  /** The most sessions, and bytes of JSON, that `all` gives. */
  readonly allAtMost: { readonly sessions: number; readonly bytes: number };
  /** Called when deadlines that waited cannot be written. */
  readonly report: (error: unknown) => void;
}

/** Keeps web sessions in a database. Each call of one session sees the calls before it. */
export class SessionKeeper {
  readonly #options: SessionKeeperOptions;
  readonly #rows: SessionRows;
  readonly #touches: PendingTouches;
  readonly #turns = new Turns();
  readonly #lists: SessionLists;

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
    this.#rows = new SessionRows(options);
    this.#lists = new SessionLists({ ...options, place: this.#rows.place });
    this.#touches = new PendingTouches({
      write: async (touch) => this.#rows.write({ kind: "extend", ...touch }),
      report: options.report,
    });
  }

  /** A live session. */
  *read(key: WebSessionKey): Steps<StoredWebSession | undefined> {
    yield* settled(this.#turns.settled(key.key));
    return yield* this.#read(key);
  }

  /** The deadline of a session, which a touch that waits may have moved. */
  deadlineOf(stored: { readonly key: string; readonly expiresMs: number }): number {
    return this.#touches.deadlineOf(stored);
  }

  /** Does the work after the work before it on the same session. */
  inTurn<T>({ key }: WebSessionKey, work: () => Steps<T>): Steps<T> {
    return this.#turns.run(key, work);
  }

  /** Writes a session, whether there is one or not. */
  *put(key: WebSessionKey, parts: SessionParts | undefined, text: string, expiresMs: number): Steps<Base | undefined> {
    const version = newVersion();
    yield* settled(this.#rows.write({ kind: "put", ...key, data: text, version, expiresMs }));
    this.#touches.delete(key.key);
    return parts && { key: key.key, parts, version, expiresMs };
  }

  /**
   * Writes what has changed since `base`. Undefined if the session has ended meanwhile: it is not written then. If nothing
   * but its deadline has changed, this is a touch.
   */
  *replace(key: WebSessionKey, base: Base, mine: SessionParts, expiresMs: number): Steps<Base | undefined> {
    if (areEqual(base.parts, mine)) {
      yield* this.touch(key, base, expiresMs);
      return { ...base, parts: mine };
    }
    return yield* this.#replace(key, base, mine, expiresMs);
  }

  /** Moves the deadline of a live session. It writes no data. */
  *touch(key: WebSessionKey, base: Base | undefined, expiresMs: number): Steps<void> {
    const { now, touchEveryMs } = this.#options;
    const windowMs = touchWindow(touchEveryMs, expiresMs - now());
    if (base !== undefined) {
      const laterMs = expiresMs - base.expiresMs;
      const touch = { ...key, expiresMs, sinceMs: base.expiresMs };
      if (laterMs >= 0 && laterMs < windowMs && this.#touches.add(touch, windowMs)) return;
    }
    yield* settled(this.#rows.write({ kind: "touch", ...key, expiresMs }));
    this.#touches.delete(key.key);
  }

  /** `isKnown` says whether the key has the session's id. */
  *destroy(key: WebSessionKey, isKnown = true): Steps<void> {
    if (!isKnown && this.#options.adoption)
      yield* settled(this.#rows.run(async (db, { old }) => old && deleteByKey(db, old, key.key)));
    yield* settled(this.#rows.write({ kind: "destroy", ...key }));
    this.#touches.delete(key.key);
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
    await this.#rows.run(async (db, { old }) => old && deleteAdopted(db, old));
    let deleted: number;
    do deleted = await database.run((db) => deleteWebSessions(db, this.#rows.place, DELETED_AT_ONCE));
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
    await this.#options.adoption?.copied();
  }

  #live(stored: StoredWebSession | undefined): StoredWebSession | undefined {
    return stored && this.deadlineOf(stored) > this.#options.now() ? stored : undefined;
  }

  *#read(key: WebSessionKey): Steps<StoredWebSession | undefined> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const found = yield* settled(this.#rows.read(key));
      const step = found && stepOf(found, this.#options.now());
      if (step === undefined || step === "take") return this.#live(found?.stored);
      const { stored } = found!;
      if (step === "adopt") yield* settled(this.#rows.write({ kind: "adopt", ...key, version: newVersion() }));
      else if (stored) yield* settled(this.#rows.write({ kind: "drop", ...key, base: stored.version }));
    }
    throw new SessionsError("database_failed", `A session was changed ${MAX_ATTEMPTS} times while it was read.`);
  }

  *#replace(key: WebSessionKey, base: Base, mine: SessionParts, expiresMs: number): Steps<Base | undefined> {
    let current = base.version;
    let parts = mine;
    const version = newVersion();
    const written = () => ({ key: key.key, parts: mine, version: parts === mine ? version : null, expiresMs });
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      if (current !== null) {
        const write = { kind: "replace", ...key, data: textOf(parts), version, base: current, expiresMs } as const;
        if (yield* settled(this.#rows.write(write))) {
          this.#touches.delete(key.key);
          return written();
        }
      }
      const stored = yield* this.#read(key);
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
