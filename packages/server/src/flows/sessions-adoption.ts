import type { Transaction } from "kysely";
import type { Snapshot } from "@sessions/core/internal";
import type { AdoptedVisitor, Adoption, EntryBudget, Moved } from "../postgres/adoption.ts";
import type { Database } from "../postgres/database.ts";
import type { Partitions } from "../postgres/partitions.ts";
import type { OwnerTables } from "../postgres/tables.ts";
import type { Bus } from "../bus/bus.ts";
import type { OwnerCiphers } from "../secrets/owner-ciphers.ts";
import { moveActive, moveDevices, moveEnded } from "./rows/adoption/moved-rows.ts";
import type { Tables } from "./rows/tables.ts";
import type { WatchHub } from "./watch/watch-hub.ts";

export interface SessionsAdoptionOptions {
  readonly database: Database;
  readonly schema: string;
  readonly partitions: Partitions;
  readonly ciphers: OwnerCiphers;
  readonly hub: WatchHub;
  readonly bus: Bus | undefined;
  /** A page of the owner's sessions of these ids. `rest` holds the ids to ask for next. */
  readonly page: (
    owner: string,
    sessions: readonly string[],
  ) => Promise<{ readonly snapshots: readonly Snapshot[]; readonly rest: readonly string[] }>;
  readonly now: () => number;
  readonly report: (error: unknown) => void;
}

/** Gives the sessions of a visitor to an owner, in the transaction that signs the owner in. */
export class SessionsAdoption implements Adoption {
  readonly holds = "sessions";
  readonly database: Database;
  readonly schema: string;
  readonly #options: SessionsAdoptionOptions;

  constructor(options: SessionsAdoptionOptions) {
    this.database = options.database;
    this.schema = options.schema;
    this.#options = options;
  }

  prepare(): Promise<void> {
    return this.#options.partitions.ensure(this.#options.now());
  }

  async move(
    tx: Transaction<OwnerTables>,
    adopted: AdoptedVisitor & { readonly at: string },
    budget: EntryBudget,
  ): Promise<Moved> {
    const { visitor, owner } = adopted;
    // The schema of the transaction has the tables of the sessions too: it is the same one.
    const own = tx as unknown as Transaction<Tables>;
    const { ciphers, report } = this.#options;
    const resealing = async () => {
      const from = await ciphers.readingWithin(tx, visitor);
      // What was sealed stays sealed.
      return { owner, from, to: await ciphers.writingWithin(tx, owner, from.scope !== "nothing"), report };
    };
    const { sessions, ...active } = await moveActive(own, adopted, budget, resealing);
    // The active ones are moved first, because they may end meanwhile.
    const hasRest = active.hasRest || (await moveEnded(own, adopted, budget, resealing));
    if (!hasRest) await moveDevices(own, adopted);
    return { visitor, owner, sessions, hasRest, tell: () => this.#tell(adopted, sessions) };
  }

  moveRest(...given: Parameters<Adoption["move"]>): Promise<Moved> {
    return this.move(...given);
  }

  #tell({ visitor, owner }: AdoptedVisitor, sessions: Moved["sessions"]): void {
    const { hub, bus } = this.#options;
    hub.end(visitor);
    bus?.publish({ kind: "adopted", owner: visitor });
    for (const { id, revision } of sessions) bus?.publish({ kind: "session", owner, session: id, revision });
    void this.#publish(
      owner,
      sessions.map(({ id }) => id),
    ).catch(this.#options.report);
  }

  /** For the owner's streams on this node. */
  async #publish(owner: string, sessions: readonly string[]): Promise<void> {
    const { hub, page } = this.#options;
    for (let rest = sessions.toSorted().toReversed(); rest.length > 0 && hub.watcherCount(owner) > 0;) {
      const found = await page(owner, rest);
      for (const snapshot of found.snapshots) hub.publish(owner, snapshot);
      if (found.rest.length >= rest.length) return;
      rest = [...found.rest];
    }
  }
}
