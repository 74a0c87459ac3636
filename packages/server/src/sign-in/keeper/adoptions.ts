import type { Transaction } from "kysely";
import { adoptVisitor, type Adoption, type Moved } from "../../postgres/adoption.ts";
import type { SignInTables } from "../rows/tables.ts";
import type { Archiver } from "./ends/archiver.ts";
import type { KeeperContext } from "./context.ts";
import { inOwnerTurn } from "./transaction.ts";

/** What one attempt of a transaction did for its visitors. */
interface Adopted {
  /** Those whom the owner has now. */
  readonly visitors: ReadonlySet<string>;
  readonly moved: readonly Moved[];
}

/** Gives to owners what visitors began. */
export class Adoptions {
  readonly #context: KeeperContext;
  readonly #archiver: Archiver;
  readonly #parts: Adoption[] = [];

  constructor(context: KeeperContext, archiver: Archiver) {
    this.#context = context;
    this.#archiver = archiver;
  }

  /** Adds a part of the server that keeps something for visitors. */
  add(part: Adoption): void {
    this.#parts.push(part);
  }

  /** Makes what `within` needs. Called before the transaction. */
  async prepare(visitors: readonly string[]): Promise<void> {
    if (visitors.length > 0) await Promise.all(this.#parts.map((part) => part.prepare()));
  }

  /** Adopts visitors within a transaction that has locked the owner. */
  async within(
    tx: Transaction<SignInTables>,
    owner: string,
    visitors: readonly string[],
    atMs: number,
  ): Promise<Adopted> {
    const [theirs, all] = [new Set<string>(), [] as Moved[]];
    const at = new Date(atMs).toISOString();
    // In one order, so that two sign-ins that show the same visitors do not wait for each other.
    for (const visitor of visitors.toSorted()) {
      const moved = await adoptVisitor(tx, this.#parts, { visitor, owner, at });
      if (moved === null) continue;
      theirs.add(visitor);
      all.push(...moved);
    }
    return { visitors: theirs, moved: all };
  }

  /** Tells the streams and the other nodes, after the commit. */
  tell(moved: readonly Moved[]): void {
    for (const each of moved) for (const part of this.#parts) part.tell(each);
  }

  /** Adopts visitors for an owner who is signed in. Gives those whom the owner has now. */
  async adopt(owner: string, visitors: readonly string[]): Promise<ReadonlySet<string>> {
    await this.prepare(visitors);
    // If the outcome of a commit is not known, the attempt after it finds nothing left to move.
    const moved: Moved[] = [];
    const { value } = await inOwnerTurn(this.#context, owner, () =>
      this.#archiver.commit(async (tx) => {
        const { gone, nowMs } = await this.#archiver.lockAll(tx, owner);
        const adopted = await this.within(tx, owner, visitors, nowMs);
        moved.push(...adopted.moved);
        return { ended: gone, value: adopted.visitors };
      }),
    );
    this.tell(moved);
    return value;
  }
}
