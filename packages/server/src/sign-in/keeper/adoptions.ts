import type { Transaction } from "kysely";
import { adoptVisitor, type Adoption, type Moved } from "../../postgres/adoption.ts";
import { lockOwner } from "../../postgres/owner.ts";
import { moveData } from "../rows/data-adoption.ts";
import type { SignInTables } from "../rows/tables.ts";
import type { Archiver } from "./ends/archiver.ts";
import type { KeeperContext } from "./context.ts";
import type { LiveSignIn } from "./live-sign-in.ts";
import { inOwnerTurn } from "./transactions/transaction.ts";

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

  /** Adopts visitors within a transaction that has locked the owner. The sign-in gets their values per sign-in. */
  async within(
    tx: Transaction<SignInTables>,
    { owner, publicId }: Pick<LiveSignIn, "owner" | "publicId">,
    visitors: readonly string[],
    atMs: number,
  ): Promise<Adopted> {
    const [theirs, all] = [new Set<string>(), [] as Moved[]];
    const at = new Date(atMs).toISOString();
    // In one order, so that two sign-ins that show the same visitors do not wait for each other.
    if (visitors.length > 1) for (const visitor of visitors.toSorted()) await lockOwner(tx, visitor, at);
    const data: Pick<Adoption, "move"> = {
      async move(_, adopted) {
        await moveData(tx, { ...adopted, signIn: publicId });
        return { ...adopted, sessions: [], tell: () => {} };
      },
    };
    // The first one's values stand.
    for (const visitor of visitors) {
      const moved = await adoptVisitor(tx, [data, ...this.#parts], { visitor, owner, at });
      if (moved === null) continue;
      theirs.add(visitor);
      all.push(...moved);
    }
    return { visitors: theirs, moved: all };
  }

  /** Adopts visitors for a sign-in of an owner. Gives those whom the owner has now; null if the sign-in has ended. */
  async adopt(signIn: LiveSignIn, visitors: readonly string[]): Promise<ReadonlySet<string> | null> {
    const { owner, publicId } = signIn;
    await this.prepare(visitors);
    // If the outcome of a commit is not known, the attempt after it finds nothing left to move.
    const moved: Moved[] = [];
    const { value } = await inOwnerTurn(this.#context, owner, () =>
      this.#archiver.commit(async (tx) => {
        const { live, gone, nowMs } = await this.#archiver.lockAll(tx, owner);
        if (!live.some(({ id }) => id === publicId)) return { ended: gone, value: null };
        const adopted = await this.within(tx, signIn, visitors, nowMs);
        moved.push(...adopted.moved);
        return { ended: gone, value: adopted.visitors };
      }),
    );
    for (const each of moved) each.tell();
    return value;
  }
}
