import type { ListReply, ListRequest, Outcome, Snapshot } from "@sessions/core/internal";
import type { SessionStore } from "./session-store.ts";

/** The most sessions that one page of changes has. */
const PAGE_SESSIONS = 100;

const isActive = ({ status }: Snapshot) => status === "active";
const newestFirst = (one: string, other: string) => (one < other ? 1 : -1);

/** Answers from the store. A session whose deadline has passed is ended first. */
export class Reader {
  readonly #store: SessionStore;

  constructor(store: SessionStore) {
    this.#store = store;
  }

  read(owner: string, session: string): Snapshot | null {
    return this.#store.current(owner, session)?.snapshot ?? null;
  }

  /** What an accepted command got. A draft has no receipt. */
  receipt(owner: string, session: string, command: string): Outcome | null {
    const receipt = this.#store.load(owner, session)?.receipts.get(command);
    return receipt ? { status: "accepted", revision: receipt.revision, replayed: true } : null;
  }

  /** One page of the owner's sessions: the active ones by id, then the ended ones, both newest first. */
  list(owner: string, { flow, limit, after }: ListRequest): Omit<ListReply, "now"> {
    const all = () =>
      this.#store.all(owner).flatMap(({ snapshot }) => (flow === null || snapshot.flow === flow ? [snapshot] : []));
    const isInActive = after === null || after.endedAt === null;
    const begun = isInActive ? all().filter((one) => isActive(one) && (after === null || one.id < after.id)) : [];
    const page = begun.toSorted((one, other) => newestFirst(one.id, other.id)).slice(0, limit);
    const active = page.map(({ id }) => this.read(owner, id)!).filter(isActive);
    const stay = () => ({ endedAt: null, id: (page.at(-1)?.id ?? after?.id)! });
    if (begun.length > limit) return { active, ended: [], next: stay() };

    const keyOf = ({ endedAt, id }: { readonly endedAt: string | null; readonly id: string }) => `${endedAt} ${id}`;
    const gone = all()
      .filter((one) => !isActive(one) && (isInActive || keyOf(one) < keyOf(after)))
      .toSorted((one, other) => newestFirst(keyOf(one), keyOf(other)));
    const left = limit - active.length;
    // The page is full, so the next one has all that have ended.
    if (left < 1) return { active, ended: [], next: gone.length > 0 ? stay() : null };
    const ended = gone.slice(0, left);
    const last = ended.at(-1);
    const next = last && gone.length > left ? { endedAt: last.endedAt, id: last.id } : null;
    return { active, ended, next };
  }

  /**
   * The pages of the sessions that a client with the revisions `known` lacks, with ids older than `after`: active sessions
   * that are newer, and known sessions that have ended. The newest ids come first. There is at least one page.
   */
  missing(owner: string, known: Readonly<Record<string, number>>, after?: string): Snapshot[][] {
    const isLacking = ({ id, status, revision }: Snapshot) =>
      revision > (known[id] ?? (status === "active" ? 0 : Number.POSITIVE_INFINITY));
    const due = this.#store
      .all(owner)
      .map(({ snapshot }) => snapshot)
      .filter((snapshot) => after === undefined || snapshot.id < after)
      // A session that is ended by this look at it is told, although the client does not know it.
      .filter((before) => isLacking(before) || isLacking(this.read(owner, before.id)!))
      .map(({ id }) => this.read(owner, id)!)
      .toSorted((one, other) => newestFirst(one.id, other.id));
    const pages: Snapshot[][] = [due.slice(0, PAGE_SESSIONS)];
    for (let at = PAGE_SESSIONS; at < due.length; at += PAGE_SESSIONS) pages.push(due.slice(at, at + PAGE_SESSIONS));
    return pages;
  }
}
