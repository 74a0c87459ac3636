import type { Transaction } from "kysely";
import { hashOfAddress } from "../../hand-off/address.ts";
import { drawLetters, hashOfLetters, hashOfTries, typedLetters } from "../../hand-off/letters.ts";
import { countTry, deleteOffer, insertOffer, lockOffers } from "../../rows/hand-offs/offers.ts";
import { addTry, takeTryBack } from "../../rows/hand-offs/tries.ts";
import type { SignInTables } from "../../rows/tables.ts";
import { lockOwner } from "../../../postgres/owner.ts";
import type { KeeperContext } from "../context.ts";
import type { FoundTarget, HandOffTarget, OfferedLetters } from "./hand-off-keeper.ts";
import { inOwnerTurn, transactWithRetries } from "../transactions/transaction.ts";

/** How long the letters can be typed, in milliseconds. */
export const LETTERS_MS = 300_000;
/** How many wrong tries a code outlives. */
export const MAX_TRIES = 5;
/** How many codes of one owner can be typed at a time. One more takes the place of the oldest. */
export const MAX_OFFERS = 3;
/** How many wrong tries there may be on one day: of an owner, and from an address. They bound the chance of guesses. */
export const TRIES_A_DAY = { owner: 50, address: 1_000 };
const DAY_MS = 86_400_000;

/** Offers a step of a session by letters that the same owner types on another device. */
export class LetterOffers {
  readonly #context: KeeperContext;

  constructor(context: KeeperContext) {
    this.#context = context;
  }

  offer(owner: string, handed: HandOffTarget): Promise<OfferedLetters> {
    const letters = drawLetters(this.#context.random);
    const lettersHash = hashOfLetters(owner, letters);
    return inOwnerTurn(this.#context, owner, () =>
      transactWithRetries(this.#context, async (tx) => {
        await lockOwner(tx, owner, this.#iso());
        const nowMs = this.#context.now();
        const offers = await lockOffers(tx, owner);
        const live = offers.filter((offer) => offer.expiresMs > nowMs && offer.tries < MAX_TRIES);
        // An attempt before may have committed.
        const kept = live.filter((offer) => offer.lettersHash !== lettersHash).slice(0, MAX_OFFERS - 1);
        for (const offer of offers) if (!kept.includes(offer)) await deleteOffer(tx, owner, offer.lettersHash);
        const expiresMs = nowMs + LETTERS_MS;
        await insertOffer(tx, owner, { lettersHash, handed, tries: 0, expiresMs });
        return { letters, endsMs: expiresMs };
      }),
    );
  }

  /** The counts and the offers are locked while the letters are compared, so that no try is free when many come at once. */
  find(owner: string, typed: string, address: string | null): Promise<FoundTarget> {
    const letters = typedLetters(typed);
    if (letters === null) return Promise.resolve({ kind: "none" });
    const lettersHash = hashOfLetters(owner, letters);
    return inOwnerTurn(this.#context, owner, () =>
      transactWithRetries(this.#context, async (tx) => {
        await lockOwner(tx, owner, this.#iso());
        const nowMs = this.#context.now();
        const counted = await countOnDay(tx, owner, address, nowMs);
        if (counted === "too_many") return { kind: "too_many" };
        const offers = await lockOffers(tx, owner);
        const found = offers.find(
          (offer) => offer.lettersHash === lettersHash && offer.expiresMs > nowMs && offer.tries < MAX_TRIES,
        );
        if (found === undefined) {
          if (offers.length > 0) await countTry(tx, owner);
          return { kind: "none" };
        }
        for (const id of counted) await takeTryBack(tx, id);
        return { kind: "found", handed: found.handed };
      }),
    );
  }

  #iso(): string {
    return new Date(this.#context.now()).toISOString();
  }
}

/**
 * Counts a try before it is made. Gives the counts, to take it back if the letters are right. A try beyond the limit of the
 * owner is not counted for the address: one person cannot use up the tries of all who share it.
 */
async function countOnDay(
  tx: Transaction<SignInTables>,
  owner: string,
  address: string | null,
  nowMs: number,
): Promise<readonly string[] | "too_many"> {
  const day = Math.floor(nowMs / DAY_MS);
  const ids = { owner: hashOfTries("owner", owner, day) };
  const all = address === null ? ids : { ...ids, address: hashOfTries("address", hashOfAddress(address), day) };
  for (const [kind, id] of Object.entries(all)) {
    if ((await addTry(tx, id, (day + 1) * DAY_MS)) > TRIES_A_DAY[kind as keyof typeof all]) return "too_many";
  }
  return Object.values(all);
}
