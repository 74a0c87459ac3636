import { SessionsError } from "@sessions/core/internal";
import { countWebSessions, listWebSessions } from "../rows/lists.ts";
import type { StoredWebSession } from "../rows/stored-web-session.ts";
import type { StoreDatabase } from "./store-database.ts";

const PAGE_SIZE = 500;
/** How many sessions `count` counts each time. A larger number is remembered for a while. */
const COUNTED_EACH_TIME = 10_000;
const COUNT_MS = 60_000;

export interface SessionListsOptions {
  readonly database: StoreDatabase;
  readonly place: { readonly schema: string; readonly namespace: string };
  readonly allAtMost: { readonly sessions: number; readonly bytes: number };
  readonly now: () => number;
}

/** All live sessions of a namespace, and their number. */
export class SessionLists {
  readonly #options: SessionListsOptions;
  #counted: { readonly atMs: number; readonly count: Promise<number> } | undefined;

  constructor(options: SessionListsOptions) {
    this.#options = options;
  }

  /** @throws {SessionsError} `database_failed` if they are more than `allAtMost`. */
  async all(): Promise<readonly StoredWebSession[]> {
    const { database, place, allAtMost, now } = this.#options;
    const found: StoredWebSession[] = [];
    let bytes = 0;
    for (let after = ""; ;) {
      const request = { after, limit: PAGE_SIZE, bytes: allAtMost.bytes - bytes, nowMs: now() };
      const page = await database.run((db) => listWebSessions(db, place, request));
      for (const session of page) bytes += Buffer.byteLength(session.data);
      found.push(...page);
      if (found.length > allAtMost.sessions || bytes > allAtMost.bytes) {
        throw new SessionsError(
          "database_failed",
          `\`all\` gives at most ${allAtMost.sessions} sessions and ${allAtMost.bytes} bytes, and there are more. Use \`length\`, or ask the table.`,
        );
      }
      if (page.length < PAGE_SIZE) return found;
      after = page.at(-1)!.key;
    }
  }

  /** A number above 10,000 may be a minute old: counting reads each row. */
  async count(): Promise<number> {
    const { now } = this.#options;
    const some = await this.#countTo(COUNTED_EACH_TIME + 1);
    if (some <= COUNTED_EACH_TIME) return some;
    if (this.#counted === undefined || now() - this.#counted.atMs > COUNT_MS) {
      this.#counted = { atMs: now(), count: this.#countTo(Number.MAX_SAFE_INTEGER) };
      this.#counted.count.catch(() => (this.#counted = undefined));
    }
    return this.#counted.count;
  }

  #countTo(atMost: number): Promise<number> {
    const { database, place, now } = this.#options;
    return database.run((db) => countWebSessions(db, place, { atMost, nowMs: now() }));
  }
}
