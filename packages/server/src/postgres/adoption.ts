import type { Transaction } from "kysely";
import type { Database } from "./database.ts";
import { lockOwner, noteAdopter } from "./owner.ts";
import type { OwnerTables } from "./tables.ts";

/** A visitor who turns out to be an owner. */
export interface AdoptedVisitor {
  readonly visitor: string;
  readonly owner: string;
}

/** How much of what a visitor began one transaction moves. It counts the entries of histories, and one for each session. */
export class EntryBudget {
  readonly #takesLarger: boolean;
  #left: number;
  #isWhole = true;

  /** `takesLarger`: a session that is larger than the whole budget is taken alone. Default false. */
  constructor(entries: number, { takesLarger = false }: { readonly takesLarger?: boolean } = {}) {
    this.#left = entries;
    this.#takesLarger = takesLarger;
  }

  /** The first ones of these, as far as they can be taken. */
  take<Row extends { readonly entry: number }>(rows: readonly Row[]): readonly Row[] {
    let taken = 0;
    for (const { entry } of rows) {
      const size = Number(entry) + 1;
      if (size > this.#left && !(this.#takesLarger && this.#isWhole)) break;
      this.#left -= size;
      this.#isWhole = false;
      taken += 1;
    }
    return rows.slice(0, taken);
  }
}

/** What was moved from a visitor to an owner. */
export interface Moved extends AdoptedVisitor {
  /** Whether the budget was too small for all that the visitor began. */
  readonly hasRest: boolean;
  /** The active sessions, at the revisions that they have now. */
  readonly sessions: readonly { readonly id: string; readonly revision: number }[];
  /** Tells the streams and the other nodes. Called after the commit, maybe more than once. It never throws. */
  tell(): void;
}

/** Gives to an owner what a visitor began: how one part of the server does it in the transaction of another part. */
export interface Adoption {
  /** What it moves, for messages. */
  readonly holds: "sessions" | "events";
  readonly database: Database;
  readonly schema: string;
  /** Makes what the transaction needs. Called before it. */
  prepare(): Promise<void>;
  /**
   * Moves the rows of the visitor, as far as the budget reaches. The transaction has locked the owner and then the visitor,
   * in the same schema. It calls this once for a visitor.
   */
  move(
    tx: Transaction<OwnerTables>,
    adopted: AdoptedVisitor & { readonly at: string },
    budget: EntryBudget,
  ): Promise<Moved>;
  /** Moves what the transactions before have left, in the same way. Undefined for a part that never leaves any. */
  readonly moveRest?: Adoption["move"];
}

/**
 * Gives to an owner what a visitor began, within a transaction that has locked the owner. Gives what it moved: nothing if
 * this owner has all of it already. Null if another owner has adopted the visitor: then this one gets nothing.
 */
export async function adoptVisitor(
  tx: Transaction<OwnerTables>,
  adoptions: readonly Pick<Adoption, "move" | "moveRest">[],
  adopted: AdoptedVisitor & { readonly at: string },
  budget: EntryBudget,
): Promise<readonly Moved[] | null> {
  const { visitor, owner, at } = adopted;
  const { adopter } = await lockOwner(tx, visitor, at);
  if (adopter !== null && adopter !== owner) return null;
  // From now on the visitor begins nothing, and is told nothing, even if the rest moves in other transactions.
  if (adopter === null) await noteAdopter(tx, visitor, owner);
  const moved: Moved[] = [];
  for (const adoption of adoptions) {
    const part = adopter === null ? adoption.move(tx, adopted, budget) : adoption.moveRest?.(tx, adopted, budget);
    if (part !== undefined) moved.push(await part);
  }
  return adopter === null ? moved : moved.filter(({ sessions, hasRest }) => hasRest || sessions.length > 0);
}
