import type { Kysely } from "kysely";
import type { ListReply, ListRequest, Outcome, SessionsError, Snapshot } from "@sessions/core/internal";
import { listArchivedRevisions, listArchived, listEndedSince, loadArchived, listByIds } from "../rows/archive.ts";
import { listActive, listActiveRevisions, loadActive } from "../rows/active.ts";
import type { OwnerCiphers } from "../../secrets/owner-ciphers.ts";
import type { CipherOf } from "../rows/row.ts";
import type { SessionPage } from "../rows/page.ts";
import type { Expiry } from "../expiry.ts";
import type { Bounds } from "../configuration/bounds.ts";
import type { Tables } from "../rows/tables.ts";
import { findReceipt, NO_RECEIPTS } from "../rows/receipts.ts";
import { SharedReads } from "./shared-reads.ts";
import type { StoredSession } from "../rows/stored-session.ts";

/** The most sessions that one statement names. */
const PAGE_SESSIONS = 100;

/** The most sessions that are listed at once, by id and revision. A stream that nobody reads holds one such list. */
const LISTED_SESSIONS = 1_000;

const NOTHING: SessionPage = { sessions: [], last: null, faults: [], bytes: 0, more: false };

export interface ReaderOptions {
  readonly db: Kysely<Tables>;
  readonly schema: string;
  readonly ciphers: Pick<OwnerCiphers, "forReading">;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly bounds: Pick<Bounds, "pageBytes">;
  readonly expiry: Pick<Expiry, "enforceDeadline">;
  /** Called with the fault of a session that is left out of a list, because it does not open. */
  readonly report: (error: SessionsError) => void;
}

/** Runs work when it is its turn. */
export type RunInTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** The sessions that a client lacks, within a range of the owner's ids. The newest ids come first. */
export interface MissingSessions {
  readonly ids: readonly string[];
  /** Active sessions that the client has at their newest revision. */
  readonly upToDate: readonly string[];
  /** The last id of the range; null when no session is older. */
  readonly end: string | null;
}

/** Reads sessions from the database, never from the cache. A session whose deadline has passed is ended first, by {@link Expiry}. */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #db: Kysely<Tables>;
  readonly #cipherOf: CipherOf;
  /** Requests of one owner that list at the same time share one listing. */
  readonly #listings = new SharedReads();

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#db = options.db.withSchema(options.schema);
    this.#cipherOf = (owner, generation) => options.ciphers.forReading(owner, generation);
  }

  /** A session as it is stored. The active table is read first: a session that moves meanwhile is found in the archive. */
  async load(owner: string, session: string): Promise<StoredSession | null> {
    return (
      (await loadActive(this.#db, this.#cipherOf, owner, session)) ??
      (await loadArchived(this.#db, this.#cipherOf, owner, session))
    );
  }

  /** One session of the owner, active or ended; null when there is none. */
  async read(owner: string, session: string): Promise<Snapshot | null> {
    for (;;) {
      const stored = await this.load(owner, session);
      const snapshot = stored && (await this.#options.expiry.enforceDeadline(owner, stored));
      if (snapshot !== undefined) return snapshot;
    }
  }

  /** The outcome of an accepted command; null when there is none of that id. */
  async receipt(owner: string, session: string, command: string): Promise<Outcome | null> {
    const receipt = findReceipt((await this.load(owner, session))?.receipts ?? NO_RECEIPTS, command);
    return receipt ? { status: "accepted", revision: receipt.revision, replayed: true } : null;
  }

  /** One page of the owner's sessions: the active ones by id, then the ended ones, both newest first. */
  async list(owner: string, { flow, limit, after }: ListRequest): Promise<ListReply> {
    const limits = { limit, bytes: this.#options.bounds.pageBytes };
    const isInActive = after === null || after.endedAt === null;
    const found = isInActive
      ? await listActive(this.#db, this.#cipherOf, owner, { ...limits, flow, after: after && after.id })
      : NOTHING;
    const active = (await this.#currentOf(owner, found.sessions)).filter(({ status }) => status === "active");
    const lastActive = found.last?.id ?? after?.id;
    const stay = () => ({ endedAt: null, id: lastActive! });
    const reply = { now: this.#iso(), active };
    if (found.more) return { ...reply, ended: [], next: stay() };

    const left = { limit: limit - active.length, bytes: limits.bytes - found.bytes };
    // A full page asks for one archived session too: it tells whether there is a next page.
    const archived = await listArchived(this.#db, this.#cipherOf, owner, {
      limit: Math.max(1, left.limit),
      bytes: left.bytes,
      flow,
      after: isInActive ? null : { endedAt: after.endedAt!, id: after.id },
    });
    const isFull = active.length > 0 && (left.limit < 1 || archived.bytes > left.bytes);
    const ended = isFull ? [] : archived.sessions.map(({ snapshot }) => snapshot);
    const endedMeanwhile = new Set(ended.map(({ id }) => id));
    for (const fault of [...found.faults, ...archived.faults]) this.#options.report(fault);
    const next = isFull ? stay() : archived.last && archived.more ? archived.last : null;
    return {
      ...reply,
      active: active.filter(({ id }) => !endedMeanwhile.has(id)),
      ended,
      next: archived.last === null ? null : next,
    };
  }

  /**
   * The ids of the sessions that a client with the revisions `known` lacks: active sessions that are newer, and known
   * sessions that have ended. The sessions that have ended since `sinceMs` (milliseconds since 1970) are included, unless
   * they are in `ended`: a session may start and end between two listings. The newest ids come first.
   */
  async missing(
    owner: string,
    known: ReadonlyMap<string, number>,
    { sinceMs, ended }: { readonly sinceMs: number; readonly ended: ReadonlyMap<string, number> },
  ): Promise<readonly string[]> {
    const ids = new Set<string>();
    for (let after: string | null | undefined; after !== null;) {
      const missing: MissingSessions = await this.missingAfter(owner, known, after);
      for (const id of missing.ids) ids.add(id);
      after = missing.end;
    }
    for (const { id } of await listEndedSince(this.#db, owner, sinceMs)) if (!ended.has(id)) ids.add(id);
    return [...ids].toSorted().toReversed();
  }

  /** The sessions that a client with the revisions `known` lacks, among the newest ids or those older than `after`. `runInTurn` runs each statement. */
  async missingAfter(
    owner: string,
    known: ReadonlyMap<string, number>,
    after: string | undefined,
    runInTurn: RunInTurn = (work) => work(),
  ): Promise<MissingSessions> {
    const active = await this.#listings.run(`${after} ${owner}`, () =>
      runInTurn(() => listActiveRevisions(this.#db, owner, this.#iso(), { limit: LISTED_SESSIONS, after })),
    );
    const end = active.length < LISTED_SESSIONS ? null : active.at(-1)!.id;
    const isNews = (id: string, revision: number) => revision > (known.get(id) ?? 0);
    const ids = active.filter(({ id, revision, due }) => due || isNews(id, revision)).map(({ id }) => id);
    const missing = new Set(ids);
    const upToDate = active.map(({ id }) => id).filter((id) => known.has(id) && !missing.has(id));

    const stillActive = new Set(active.map(({ id }) => id));
    const isListed = (id: string) => (after === undefined || id < after) && (end === null || id > end);
    const gone = [...known.keys()].filter((id) => isListed(id) && !stillActive.has(id));
    for (let at = 0; at < gone.length; at += PAGE_SESSIONS) {
      const some = gone.slice(at, at + PAGE_SESSIONS);
      for (const { id, revision } of await runInTurn(() => listArchivedRevisions(this.#db, owner, some)))
        if (isNews(id, revision)) missing.add(id);
    }
    return { ids: [...missing].toSorted().toReversed(), upToDate, end };
  }

  /** As many of these sessions as a page has room for, active or ended, in the order of `ids`: newest first. `rest` holds the ids to ask for next. */
  async page(
    owner: string,
    ids: readonly string[],
  ): Promise<{ readonly snapshots: readonly Snapshot[]; readonly rest: readonly string[] }> {
    const asked = ids.slice(0, PAGE_SESSIONS);
    if (asked.length === 0) return { snapshots: [], rest: [] };
    const { sessions, last, faults, more } = await listByIds(
      this.#db,
      this.#cipherOf,
      owner,
      asked,
      this.#options.bounds.pageBytes,
    );
    for (const fault of faults) this.#options.report(fault);
    return {
      snapshots: await this.#currentOf(owner, sessions),
      rest: more ? ids.filter((id) => id < last!.id) : ids.slice(PAGE_SESSIONS),
    };
  }

  /** Each session as it may be shown now. A session that changes meanwhile is read again. */
  async #currentOf(owner: string, all: readonly StoredSession[]): Promise<readonly Snapshot[]> {
    const snapshots: Snapshot[] = [];
    for (const stored of all) {
      const snapshot =
        (await this.#options.expiry.enforceDeadline(owner, stored)) ?? (await this.read(owner, stored.snapshot.id));
      if (snapshot !== null) snapshots.push(snapshot);
    }
    return snapshots;
  }

  #iso(): string {
    return new Date(this.#options.now()).toISOString();
  }
}
