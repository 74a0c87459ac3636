import type { Transaction } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { adoptVisitor, EntryBudget, type Adoption, type Moved } from "../../postgres/adoption.ts";
import { lockOwner } from "../../postgres/owner.ts";
import { setStatementTimeouts } from "../../postgres/statement-timeouts.ts";
import { isoOf } from "../../postgres/values.ts";
import type { SignInKey } from "../rows/live.ts";
import { moveData } from "../rows/data-adoption.ts";
import type { SignInTables } from "../rows/tables.ts";
import type { Archiver } from "./ends/archiver.ts";
import type { KeeperContext } from "./context.ts";
import type { LiveSignIn } from "./live-sign-in.ts";
import { signInFault } from "./transactions/database-limit.ts";
import { inOwnerTurn, transactWithRetries } from "./transactions/transaction.ts";

/** How many entries one transaction moves: as many as take less than half a second. A person waits for the sign-in. */
const ENTRIES_AT_ONCE = 5_000;

/** How long one statement may take that moves a single session which is larger, in milliseconds. */
const LARGE_STATEMENT_MS = 60_000;

/** What one attempt of a transaction did for its visitors. */
interface Adopted {
  /** Those whom the owner has now. */
  readonly visitors: ReadonlySet<string>;
  /** Those of them who began more than one transaction moves. */
  readonly moving: readonly string[];
  readonly moved: readonly Moved[];
}

/**
 * Gives to owners what visitors began. The transaction that notes the adopter moves up to {@link ENTRIES_AT_ONCE}; others move the
 * rest. The visitor is out from the first one on. If a node dies meanwhile, the next call of {@link adopt} goes on.
 */
export class Adoptions {
  readonly #context: KeeperContext;
  readonly #archiver: Archiver;
  readonly #entriesAtOnce: number;
  readonly #parts: Adoption[] = [];
  /** What this node is moving, by owner and visitors. */
  readonly #going = new Map<string, Promise<void>>();
  #closed = false;

  constructor(context: KeeperContext, archiver: Archiver, entriesAtOnce = ENTRIES_AT_ONCE) {
    this.#context = context;
    this.#archiver = archiver;
    this.#entriesAtOnce = entriesAtOnce;
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
    { owner, id }: SignInKey,
    visitors: readonly string[],
    atMs: number,
    budget = new EntryBudget(this.#entriesAtOnce),
  ): Promise<Adopted> {
    const theirs = new Set<string>();
    const all: Moved[] = [];
    const at = isoOf(atMs);
    // In one order, so that two sign-ins that show the same visitors do not wait for each other.
    if (visitors.length > 1) for (const visitor of visitors.toSorted()) await lockOwner(tx, visitor, at);
    const data: Pick<Adoption, "move"> = {
      async move(_, adopted) {
        await moveData(tx, { ...adopted, signIn: id });
        return { ...adopted, sessions: [], hasRest: false, tell: () => {} };
      },
    };
    // The first one's values stand.
    for (const visitor of visitors) {
      const moved = await adoptVisitor(tx, [data, ...this.#parts], { visitor, owner, at }, budget);
      if (moved === null) continue;
      theirs.add(visitor);
      all.push(...moved);
    }
    const moving = [...theirs].filter((visitor) => all.some((one) => one.visitor === visitor && one.hasRest));
    return { visitors: theirs, moving, moved: all };
  }

  /** Adopts visitors for a sign-in of an owner. Gives those whom the owner has now; null if the sign-in has ended. */
  async adopt(signIn: LiveSignIn, visitors: readonly string[]): Promise<ReadonlySet<string> | null> {
    const { owner, publicId } = signIn;
    await this.prepare(visitors);
    // If the outcome of a commit is not known, the attempt after it finds less to move.
    const moved: Moved[] = [];
    const key = { owner, id: publicId };
    const { value } = await inOwnerTurn(this.#context, owner, () =>
      this.#archiver.commit(async (tx) => {
        const { live, gone, nowMs } = await this.#archiver.lockAll(tx, owner);
        if (!live.some(({ id }) => id === publicId)) return { ended: gone, value: null };
        const adopted = await this.within(tx, key, visitors, nowMs);
        moved.push(...adopted.moved);
        return { ended: gone, value: adopted };
      }),
    );
    for (const each of moved) each.tell();
    if (value === null) return null;
    if (value.moving.length > 0) await this.#rest(key, value.moving);
    return value.visitors;
  }

  /** Moves what is left of visitors whom the owner has, while nobody waits for it. */
  goOn(signIn: SignInKey, moving: readonly string[]): void {
    if (moving.length === 0) return;
    this.#rest(signIn, moving).catch((error: unknown) => {
      if (!this.#closed) this.#context.report(signInFault(error));
    });
  }

  /** Ends the moving after the transactions that run now. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#going.values());
  }

  /** All that ask for the same rest wait for one. */
  #rest(signIn: SignInKey, moving: readonly string[]): Promise<void> {
    const key = JSON.stringify([signIn.owner, ...moving.toSorted()]);
    const going = this.#going.get(key) ?? this.#moveRest(signIn, moving).finally(() => this.#going.delete(key));
    this.#going.set(key, going);
    return going;
  }

  async #moveRest(signIn: SignInKey, visitors: readonly string[]): Promise<void> {
    const { owner } = signIn;
    for (let moving = visitors; moving.length > 0;) {
      if (this.#closed) throw new SessionsError("closed", "Try another node.");
      const moved: Moved[] = [];
      // Others of the owner have their turns between two transactions.
      moving = await inOwnerTurn(this.#context, owner, () =>
        transactWithRetries(this.#context, async (tx) => {
          await setStatementTimeouts(tx, LARGE_STATEMENT_MS);
          const nowMs = this.#context.now();
          await lockOwner(tx, owner, isoOf(nowMs));
          const budget = new EntryBudget(this.#entriesAtOnce, { takesLarger: true });
          const adopted = await this.within(tx, signIn, moving, nowMs, budget);
          moved.push(...adopted.moved);
          return adopted.moving;
        }),
      );
      for (const each of moved) each.tell();
    }
  }
}
