import type { ListReply, ListRequest, Outcome, Snapshot } from "@sessions/core/internal";
import type { Reader } from "./reader.ts";

/** What answers the reads of a page. */
export type SessionReader = Pick<Reader, "read" | "receipt" | "list" | "missing">;

/** Reads one session of an owner, for a guest. The owner's other sessions are as if they did not exist. */
export class GuestReader implements SessionReader {
  readonly #reader: Reader;
  readonly #session: string;

  constructor(reader: Reader, session: string) {
    this.#reader = reader;
    this.#session = session;
  }

  read(owner: string, session: string): Snapshot | null {
    return session === this.#session ? this.#reader.read(owner, session) : null;
  }

  receipt(owner: string, session: string, command: string): Outcome | null {
    return session === this.#session ? this.#reader.receipt(owner, session, command) : null;
  }

  list(owner: string, { flow, after }: ListRequest): Omit<ListReply, "now"> {
    const found = after === null ? this.read(owner, this.#session) : null;
    const all = found === null || (flow !== null && found.flow !== flow) ? [] : [found];
    const ofState = (isActive: boolean) => all.filter(({ status }) => (status === "active") === isActive);
    return { active: ofState(true), ended: ofState(false), next: null };
  }

  missing(owner: string, known: Readonly<Record<string, number>>, after?: string): Snapshot[][] {
    const found = after === undefined || this.#session < after ? this.read(owner, this.#session) : null;
    return [found !== null && found.revision > (known[found.id] ?? 0) ? [found] : []];
  }
}
