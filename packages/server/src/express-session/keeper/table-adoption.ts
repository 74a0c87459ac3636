import { randomInt, randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import { errorCode } from "../../postgres/errors.ts";
import type { SweepOptions } from "../../repeated-sweeps.ts";
import {
  copyPage,
  findAdoptedTable,
  type AdoptedTable,
  type AdoptOption,
  type CopiedPage,
} from "../rows/adopted-table.ts";
import { endLease, takeLease } from "../rows/sweeps.ts";
import type { WebSessionTables } from "../rows/tables.ts";
import type { StoreDatabase } from "./store-database.ts";

const PAGE_SIZE = 1_000;
/** How long a lease lasts without a new page, in milliseconds. */
const LEASE_MS = 60_000;
/** How long lists do without a new copy, in milliseconds. A copy looks at each row of the adopted table. */
const COPIED_MS = 60_000;

export interface AdoptionOptions {
  readonly database: StoreDatabase;
  readonly namespace: string;
  readonly now: () => number;
  readonly adopt: AdoptOption;
}

/** The table of another store that is taken over. It is over when the table is gone. */
export class Adoption {
  readonly #options: AdoptionOptions;
  readonly #holder = randomUUID();
  #table: Promise<AdoptedTable | undefined> | undefined;
  #copied: { readonly atMs: number; readonly done: Promise<unknown> } | undefined;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /** Does work with the table, or without it after the table is gone. */
  async with<T>(db: Kysely<WebSessionTables>, work: (old: AdoptedTable | undefined) => Promise<T>): Promise<T> {
    this.#table ??= findAdoptedTable(db, this.#options.adopt);
    const old = await this.#table.catch((error: unknown) => {
      this.#table = undefined;
      throw error;
    });
    try {
      return await work(old);
    } catch (error) {
      if (old === undefined || errorCode(error) !== "42P01") throw error;
      this.#table = undefined;
      if (await findAdoptedTable(db, this.#options.adopt)) throw error;
      this.#table = Promise.resolve(undefined);
      return work(undefined);
    }
  }

  /** Copies all live sessions that were not copied yet. Gives how many. */
  async copy({ onProgress, signal, isMine = () => Promise.resolve(true) }: CopyOptions = {}): Promise<number> {
    let copied = 0;
    for (let after: string | undefined = ""; after !== undefined && !signal?.aborted;) {
      if (!(await isMine())) break;
      const page = await this.#copyPage(after);
      after = page?.last;
      copied += page?.copied ?? 0;
      onProgress?.(copied);
    }
    return copied;
  }

  /** Copies for a list, unless this node has copied within the last minute. */
  copied(): Promise<unknown> {
    const nowMs = this.#options.now();
    if (this.#copied === undefined || nowMs - this.#copied.atMs > COPIED_MS) {
      const done = this.copy();
      this.#copied = { atMs: nowMs, done };
      done.catch(() => (this.#copied = undefined));
    }
    return this.#copied.done;
  }

  #copyPage(after: string): Promise<CopiedPage | undefined> {
    const { database, namespace, now } = this.#options;
    const request = { after, limit: PAGE_SIZE, nowMs: now(), version: randomInt(2 ** 47) };
    const { schema } = database;
    return database.run((db) => this.with(db, async (old) => old && copyPage(db, { schema, namespace, old }, request)));
  }

  /** Copies as `copy` does, on one node at a time. */
  async sweep(options: SweepOptions): Promise<number> {
    const { database, namespace, now } = this.#options;
    const { schema } = database;
    const task = `adopt ${namespace}`;
    const isMine = () =>
      database.run((db) =>
        takeLease(db, schema, { task, holder: this.#holder, nowMs: now(), untilMs: now() + LEASE_MS }),
      );
    const copied = await this.copy({ ...options, isMine });
    await database.run((db) => endLease(db, schema, task, this.#holder));
    return copied;
  }
}

interface CopyOptions extends SweepOptions {
  /** Whether this node may copy the next page. */
  readonly isMine?: () => Promise<boolean>;
}
