import { drawLetters, hashOfLetters, typedLetters } from "../../hand-off/letters.ts";
import { countTry, deleteOffer, insertOffer, lockOffers } from "../../rows/hand-off-offers.ts";
import { lockOwner } from "../../../postgres/owner.ts";
import type { KeeperContext } from "../context.ts";
import type { HandedPlace, OfferedLetters } from "./hand-off-keeper.ts";
import { inOwnerTurn, transactWithRetries } from "../transaction.ts";

/** How long the letters can be typed, in milliseconds. */
export const LETTERS_MS = 300_000;
/** How many wrong tries a code outlives. */
export const MAX_TRIES = 5;
/** How many codes of one owner can be typed at a time. One more takes the place of the oldest. */
export const MAX_OFFERS = 5;

/** Offers a place by letters that the same owner types on another device. */
export class LetterOffers {
  readonly #context: KeeperContext;

  constructor(context: KeeperContext) {
    this.#context = context;
  }

  offer(owner: string, handed: HandedPlace): Promise<OfferedLetters> {
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

  /** The offers are locked while the letters are compared, so that no try is free when many come at once. */
  find(owner: string, typed: string): Promise<HandedPlace | null> {
    const letters = typedLetters(typed);
    if (letters === null) return Promise.resolve(null);
    const lettersHash = hashOfLetters(owner, letters);
    return inOwnerTurn(this.#context, owner, () =>
      transactWithRetries(this.#context, async (tx) => {
        await lockOwner(tx, owner, this.#iso());
        const nowMs = this.#context.now();
        const offers = await lockOffers(tx, owner);
        const found = offers.find(
          (offer) => offer.lettersHash === lettersHash && offer.expiresMs > nowMs && offer.tries < MAX_TRIES,
        );
        if (found === undefined && offers.length > 0) await countTry(tx, owner);
        return found?.handed ?? null;
      }),
    );
  }

  #iso(): string {
    return new Date(this.#context.now()).toISOString();
  }
}
