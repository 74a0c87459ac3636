import type { Snapshot } from "@sessions/core/internal";
import type { RunInTurn, MissingSessions, Reader } from "./reader.ts";

/** A page of the sessions that a client lacks. */
export interface CatchUpPage {
  readonly snapshots: readonly Snapshot[];
  /** Whether more follows. */
  readonly more: boolean;
  /** Active sessions that were listed since the last page, and that the client has at their newest revision. */
  readonly upToDate: readonly string[];
}

export interface CatchUpOptions {
  readonly reader: Pick<Reader, "missingAfter" | "page">;
  readonly owner: string;
  /** The revisions that the client has, by session id. */
  readonly known: ReadonlyMap<string, number>;
  /** Only ids older than this. */
  readonly after?: string | undefined;
  /** Runs a listing when it is the owner's turn. Other requests of the owner may share it, so it does not need this request's rate limit. */
  readonly runListing: RunInTurn;
  /** Reads a page when it is the owner's turn, and this request's rate limit allows it. */
  readonly runRead: RunInTurn;
}

/**
 * Brings a client up to date that has some revisions: gives the sessions that it lacks, the newest ids first, a page at a
 * time. The listed ids are kept until they are sent, so that no page lists them again.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  /** Ids that are listed and not sent yet. */
  #ids: readonly string[] = [];
  /** Sessions with older ids than this are not listed yet; null when all are listed. */
  #after: string | null | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#after = options.after;
  }

  /** The revisions that the client had at first. */
  get known(): ReadonlyMap<string, number> {
    return this.#options.known;
  }

  async next(): Promise<CatchUpPage> {
    const { reader, owner, known, runRead } = this.#options;
    const upToDate: string[] = [];
    const found: Snapshot[] = [];
    while (found.length === 0 && (await this.#list(upToDate))) {
      const page = await runRead(() => reader.page(owner, this.#ids));
      this.#ids = page.rest;
      found.push(...page.snapshots.filter(({ id, revision }) => revision > (known.get(id) ?? 0)));
    }
    // Lists first, so that `more` is never true when nothing follows.
    const more = await this.#list(upToDate);
    return { snapshots: found, more, upToDate };
  }

  /** Lists more ids if none are left. False when no session follows. */
  async #list(upToDate: string[]): Promise<boolean> {
    const { reader, owner, known, runListing } = this.#options;
    while (this.#ids.length === 0 && this.#after !== null) {
      const missing: MissingSessions = await reader.missingAfter(owner, known, this.#after, runListing);
      this.#ids = missing.ids;
      this.#after = missing.end;
      upToDate.push(...missing.upToDate);
    }
    return this.#ids.length > 0;
  }
}
