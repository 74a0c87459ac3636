import type { ListReply, ListRequest, Outcome, Snapshot } from "@sessions/core/internal";
import type { MissingSessions, Reader, RunInTurn } from "./reader.ts";

/** What a reader does for the procedures. */
export type SessionReader = Pick<Reader, "read" | "receipt" | "list" | "missingAfter" | "page">;

/** Reads one session of an owner, for a guest. The owner's other sessions are as if they did not exist. */
export class GuestReader implements SessionReader {
  readonly #reader: SessionReader;
  readonly #session: string;
  readonly #now: () => number;

  constructor(reader: SessionReader, session: string, now: () => number) {
    this.#reader = reader;
    this.#session = session;
    this.#now = now;
  }

  read(owner: string, session: string): Promise<Snapshot | null> {
    return this.#isOwn(session) ? this.#reader.read(owner, session) : Promise.resolve(null);
  }

  receipt(owner: string, session: string, command: string): Promise<Outcome | null> {
    return this.#isOwn(session) ? this.#reader.receipt(owner, session, command) : Promise.resolve(null);
  }

  async list(owner: string, { flow, after }: ListRequest): Promise<ListReply> {
    const found = after === null ? await this.#reader.read(owner, this.#session) : null;
    const all = found === null || (flow !== null && found.flow !== flow) ? [] : [found];
    const [active, ended] = [true, false].map((isActive) =>
      all.filter(({ status }) => (status === "active") === isActive),
    ) as [Snapshot[], Snapshot[]];
    return { now: new Date(this.#now()).toISOString(), active, ended, next: null };
  }

  async missingAfter(
    owner: string,
    known: ReadonlyMap<string, number>,
    after: string | undefined,
    runInTurn: RunInTurn = (work) => work(),
  ): Promise<MissingSessions> {
    const isListed = after === undefined || this.#session < after;
    const found = isListed ? await runInTurn(() => this.#reader.read(owner, this.#session)) : null;
    const isMissing = found !== null && found.revision > (known.get(found.id) ?? 0);
    const isUpToDate = found?.status === "active" && !isMissing;
    return { ids: isMissing ? [found.id] : [], upToDate: isUpToDate ? [found.id] : [], end: null };
  }

  page(owner: string, ids: readonly string[]) {
    return this.#reader.page(
      owner,
      ids.filter((id) => this.#isOwn(id)),
    );
  }

  #isOwn(session: string): boolean {
    return session === this.#session;
  }
}
