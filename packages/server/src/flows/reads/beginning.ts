import type { Snapshot } from "@sessions/core";
import type { InTurn, Lack, Reader } from "./reader.ts";

/** What one who watches is told first, or one who asks: a page of it. */
export interface Newer {
  readonly snapshots: readonly Snapshot[];
  /** Whether more follows. */
  readonly more: boolean;
  /** What was found active and known as it is since the page before. */
  readonly same: readonly string[];
}

export interface BeginningOptions {
  readonly reader: Pick<Reader, "lackedAfter" | "page">;
  readonly owner: string;
  /** What one has already: session ids and revisions. */
  readonly known: ReadonlyMap<string, number>;
  /** Only ids older than this. */
  readonly after?: string | undefined;
  /** Lists when it is the owner's turn. One listing may be for others of the owner's too, whatever this one may be told. */
  readonly listing: InTurn;
  /** Reads a page when it is the owner's turn and this one may be told more. */
  readonly reading: InTurn;
}

/**
 * Everything that one who has these revisions lacks, the newest ids first, a page at a time. What has been listed is
 * kept until it is told, so that no page lists it again.
 */
export class Beginning {
  readonly #options: BeginningOptions;
  /** Listed, and yet to be told. */
  #ids: readonly string[] = [];
  /** What is older has yet to be listed; null once all is. */
  #after: string | null | undefined;

  constructor(options: BeginningOptions) {
    this.#options = options;
    this.#after = options.after;
  }

  async next(): Promise<Newer> {
    const { reader, owner, known, reading } = this.#options;
    const same: string[] = [];
    const found: Snapshot[] = [];
    while (found.length === 0 && (await this.#list(same))) {
      const page = await reading(() => reader.page(owner, this.#ids));
      this.#ids = page.rest;
      found.push(...page.snapshots.filter(({ id, revision }) => revision > (known.get(id) ?? 0)));
    }
    // Found out before it is said that more follows.
    const more = await this.#list(same);
    return { snapshots: found, more, same };
  }

  /** Lists on where nothing is left; false when nothing is to come. */
  async #list(same: string[]): Promise<boolean> {
    const { reader, owner, known, listing } = this.#options;
    while (this.#ids.length === 0 && this.#after !== null) {
      const lack: Lack = await reader.lackedAfter(owner, known, this.#after, listing);
      this.#ids = lack.ids;
      this.#after = lack.end;
      same.push(...lack.same);
    }
    return this.#ids.length > 0;
  }
}
