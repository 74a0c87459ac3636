import type { Kysely } from "kysely";
import { atTime, type ListReply, type ListRequest, type Outcome, type Snapshot } from "@sessions/core";
import { endDue, type Court } from "./decision.ts";
import { listArchived, listEndedSince, loadArchived, loadArchivedOf } from "./postgres/archive.ts";
import { listHot, loadHot, loadHotOf } from "./postgres/hot.ts";
import type { Partitions } from "./postgres/partitions.ts";
import type { Tables } from "./postgres/tables.ts";
import { findReceipt, NO_RECEIPTS } from "./receipts.ts";
import type { Stored } from "./stored.ts";

export interface ReaderOptions {
  readonly court: Court;
  readonly partitions: Partitions;
  readonly publish: (owner: string, snapshot: Snapshot) => void;
}

/** Answers questions from the database, never from memory. */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #db: Kysely<Tables>;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#db = options.court.db.withSchema(options.court.schema);
  }

  /** A session as it is kept. The hot table first: one that is moved between the two reads is found in the second. */
  async load(owner: string, session: string): Promise<Stored | null> {
    return (await loadHot(this.#db, owner, session)) ?? (await loadArchived(this.#db, owner, session));
  }

  /** One session of the owner, active or ended; null when there is none. */
  async read(owner: string, session: string): Promise<Snapshot | null> {
    for (;;) {
      const stored = await this.load(owner, session);
      const snapshot = stored && (await this.#told(owner, stored));
      if (snapshot !== undefined) return snapshot;
    }
  }

  /** The outcome of an accepted command; null when there is none of that id. */
  async receipt(owner: string, session: string, command: string): Promise<Outcome | null> {
    const receipt = findReceipt((await this.load(owner, session))?.receipts ?? NO_RECEIPTS, command);
    return receipt ? { outcome: "accepted", revision: receipt.revision, replayed: true } : null;
  }

  async list(owner: string, request: ListRequest): Promise<ListReply> {
    const active = request.after === null ? await this.#active(owner, request.flow) : [];
    const ended = await listArchived(this.#db, owner, { ...request, limit: request.limit + 1 });
    const page = ended.slice(0, request.limit).map(({ snapshot }) => snapshot);
    const last = page.at(-1);
    const endedMeanwhile = new Set(page.map(({ id }) => id));
    return {
      now: new Date(this.#options.court.now()).toISOString(),
      active: active.filter(({ id }) => !endedMeanwhile.has(id)),
      ended: page,
      next: ended.length > page.length && last?.endedAt ? { endedAt: last.endedAt, id: last.id } : null,
    };
  }

  /**
   * What a watcher that has these revisions lacks: active sessions that are newer, and known ones that have ended.
   * Whatever has ended since `sinceMs` (milliseconds since 1970) too: it may have begun and ended between two looks.
   */
  async newer(owner: string, known: Readonly<Record<string, number>>, sinceMs?: number): Promise<readonly Snapshot[]> {
    const active = await this.#active(owner, null);
    const lately = sinceMs === undefined ? [] : await listEndedSince(this.#db, owner, sinceMs);
    const gone = new Set(Object.keys(known));
    for (const { id } of [...active, ...lately.map(({ snapshot }) => snapshot)]) gone.delete(id);
    const ended = gone.size === 0 ? [] : await loadArchivedOf(this.#db, owner, [...gone]);
    const all = [...active, ...[...lately, ...ended].map(({ snapshot }) => snapshot)];
    return all.filter(({ id, revision }) => revision > (known[id] ?? 0));
  }

  /** The owner's sessions of these ids, active or ended. */
  async readMany(owner: string, sessions: readonly string[]): Promise<readonly Snapshot[]> {
    const hot = await loadHotOf(this.#db, owner, sessions);
    const found = new Set(hot.map(({ snapshot }) => snapshot.id));
    const others = sessions.filter((id) => !found.has(id));
    const archived = others.length === 0 ? [] : await loadArchivedOf(this.#db, owner, others);
    const told = await Promise.all([...hot, ...archived].map((stored) => this.#told(owner, stored)));
    return told.filter((snapshot) => snapshot !== undefined);
  }

  /** The active sessions; those whose deadline has passed are ended on the way. */
  async #active(owner: string, flow: string | null): Promise<readonly Snapshot[]> {
    const active: Snapshot[] = [];
    for (const stored of await listHot(this.#db, owner, flow)) {
      const snapshot = await this.#told(owner, stored);
      if (snapshot?.status === "active") active.push(snapshot);
    }
    return active;
  }

  /**
   * What may be told of a session. One whose deadline has passed is ended first: until that is committed, a
   * command that was judged in time may still take its next revision. Undefined when it moved on meanwhile.
   */
  async #told(owner: string, stored: Stored): Promise<Snapshot | undefined> {
    const { court, partitions, publish } = this.#options;
    const snapshot = atTime(stored.snapshot, court.now());
    if (snapshot === stored.snapshot) return snapshot;
    await partitions.ensure(Date.parse(stored.snapshot.expiresAt));
    if (!(await endDue(court, owner, stored, snapshot))) return undefined;
    publish(owner, snapshot);
    return snapshot;
  }
}
