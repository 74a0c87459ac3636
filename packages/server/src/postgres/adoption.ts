import type { Transaction } from "kysely";
import type { Database } from "./database.ts";
import { lockOwner, noteAdopter } from "./owner.ts";
import type { OwnerTables } from "./tables.ts";

/** A visitor who turns out to be an owner. */
export interface AdoptedVisitor {
  readonly visitor: string;
  readonly owner: string;
}

/** What was moved from a visitor to an owner. */
export interface Moved extends AdoptedVisitor {
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
   * Moves all rows of the visitor. The transaction has locked the owner and then the visitor, in the same schema. It calls
   * this once for a visitor.
   */
  move(tx: Transaction<OwnerTables>, adopted: AdoptedVisitor & { readonly at: string }): Promise<Moved>;
}

/**
 * Gives all that a visitor began to an owner, within a transaction that has locked the owner. Gives what it moved: nothing
 * if this owner has it already. Null if another owner has adopted the visitor: then this one gets nothing.
 */
export async function adoptVisitor(
  tx: Transaction<OwnerTables>,
  adoptions: readonly Pick<Adoption, "move">[],
  adopted: AdoptedVisitor & { readonly at: string },
): Promise<readonly Moved[] | null> {
  const { visitor, owner, at } = adopted;
  const adopter = await lockOwner(tx, visitor, at);
  if (adopter !== null) return adopter === owner ? [] : null;
  await noteAdopter(tx, visitor, owner);
  const moved: Moved[] = [];
  for (const adoption of adoptions) moved.push(await adoption.move(tx, adopted));
  return moved;
}
