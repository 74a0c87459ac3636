import type { Transaction } from "kysely";
import { claimText, isSignedBy, requestIdOf } from "../../hand-off/request-key.ts";
import { hashOfAddress } from "../../hand-off/address.ts";
import { drawNumbers } from "../../hand-off/numbers.ts";
import {
  approveRequest,
  deleteOldRequests,
  endUnapproved,
  hasLiveRequests,
  insertRequest,
  loadRequest,
  lockRequest,
  updateRequest,
  type HandOffRequest,
} from "../../rows/hand-offs/requests.ts";
import type { SignInWithHistoryHead } from "../../rows/stored-sign-in.ts";
import type { SignInTables } from "../../rows/tables.ts";
import { base64url } from "../../token/token.ts";
import type { Archiver, EndingWork } from "../ends/archiver.ts";
import type { Beginnings, BegunGuest } from "../beginnings.ts";
import type { KeeperContext } from "../context.ts";
import type { AskedRequest, ClaimResult, HandOffKeeper, NewRequest, ShownRequest } from "./hand-off-keeper.ts";
import type { LiveSignIn } from "../sign-in-keeper.ts";
import { inOwnerTurn } from "../transactions/transaction.ts";

/** How long a request can be approved, and then claimed, in milliseconds. The screen asks anew. */
export const REQUEST_MS = 60_000;
/** How many guests of one owner there may be. One more takes the place of the oldest. */
export const MAX_GUESTS = 3;
/** How long the code to scan is. */
export const CODE_BYTES = 16;
const CHALLENGE_BYTES = 32;
/** How long a request is kept after it expired, and how many old ones go with a new one. */
const KEPT_MS = 600_000;
const DELETED_AT_ONCE = 20;

/** The most requests that are live at once, of one address and of all. */
export interface RequestLimits {
  readonly perAddress: number;
  readonly inTotal: number;
}

export const defaultRequestLimits: RequestLimits = { perAddress: 20, inTotal: 10_000 };

interface ClaimedGuest {
  readonly begun: BegunGuest;
  readonly handed: NonNullable<HandOffRequest["approval"]>["handed"];
}

/** Lets a browser in as a guest, after an owner has approved its request. */
export class GuestRequests implements Omit<HandOffKeeper, "offer" | "find"> {
  readonly #context: KeeperContext;
  readonly #archiver: Archiver;
  readonly #beginnings: Beginnings;
  readonly #limits: RequestLimits;
  /** The requests that a claim on this node is letting in, or whose reuse it is ending. Each waits for the owner's lock once. */
  readonly #claimed = new Set<string>();
  readonly #reused = new Map<string, Promise<void>>();

  constructor(context: KeeperContext, archiver: Archiver, beginnings: Beginnings, limits: RequestLimits) {
    this.#context = context;
    this.#archiver = archiver;
    this.#beginnings = beginnings;
    this.#limits = limits;
  }

  async ask({ publicKey, device, place, address }: NewRequest): Promise<AskedRequest | { readonly kind: "too_many" }> {
    const { random, now } = this.#context;
    const nowMs = now();
    const addressHash = address === null ? null : hashOfAddress(address);
    const { perAddress, inTotal } = this.#limits;
    await deleteOldRequests(this.#db, nowMs - KEPT_MS, DELETED_AT_ONCE);
    const isTooMany =
      (addressHash !== null && (await hasLiveRequests(this.#db, perAddress, nowMs, addressHash))) ||
      (await hasLiveRequests(this.#db, inTotal, nowMs));
    if (isTooMany) return { kind: "too_many" };
    const code = base64url(random(CODE_BYTES));
    const asked = { id: requestIdOf(code), challenge: base64url(random(CHALLENGE_BYTES)), ...drawNumbers(random) };
    const times = { askedMs: nowMs, expiresMs: nowMs + REQUEST_MS };
    await insertRequest(this.#db, { ...asked, ...times, publicKey, device, place, addressHash });
    const { id, challenge, number } = asked;
    return { kind: "asked", id, code, challenge, number, endsMs: times.expiresMs };
  }

  async look(code: string): Promise<ShownRequest | null> {
    const request = await loadRequest(this.#db, requestIdOf(code));
    if (request === null || !this.#isOpen(request) || request.approval !== null) return null;
    const { device, place, askedMs, expiresMs, choices } = request;
    return { device, place, askedMs, endsMs: expiresMs, choices };
  }

  /** Each answer is one statement that changes the row only if nobody has answered yet. So one of many wins. */
  async approve(
    { owner, publicId }: LiveSignIn,
    { code, number, handed }: Parameters<HandOffKeeper["approve"]>[1],
  ): Promise<"approved" | "wrong_number" | "gone"> {
    const id = requestIdOf(code);
    const request = await loadRequest(this.#db, id);
    if (request === null || !this.#isOpen(request)) return "gone";
    const nowMs = this.#context.now();
    if (request.approval === null && request.number !== number) {
      return (await endUnapproved(this.#db, id, nowMs)) ? "wrong_number" : "gone";
    }
    const approval = { owner, by: publicId, handed };
    const times = { nowMs, expiresMs: nowMs + REQUEST_MS };
    if (request.approval === null && (await approveRequest(this.#db, id, approval, times))) return "approved";
    const decided = (await loadRequest(this.#db, id))?.approval;
    if (!decided) return "gone";
    if (decided.owner !== owner) await this.#endReused(id, decided.owner);
    const isRepeat = decided.owner === owner && decided.by === publicId && decided.handed.session === handed.session;
    return isRepeat ? "approved" : "gone";
  }

  decline(code: string): Promise<boolean> {
    return endUnapproved(this.#db, requestIdOf(code), this.#context.now());
  }

  async claim(id: string, signature: string, current: LiveSignIn | null): Promise<ClaimResult> {
    const request = await loadRequest(this.#db, id);
    if (request === null || !this.#isOpen(request)) return { kind: "gone" };
    const { approval, expiresMs, publicKey, challenge } = request;
    if (!isSignedBy(publicKey, claimText(challenge), signature)) {
      if (approval !== null) await this.#endReused(id, approval.owner);
      return { kind: "gone" };
    }
    // One of many at once is let in. Each of the others would end the guest of the one before.
    if (approval === null || this.#claimed.has(id)) return { kind: "waiting", endsMs: expiresMs };
    this.#claimed.add(id);
    const claimed = await this.#claim(id, approval.owner, current).finally(() => this.#claimed.delete(id));
    if (claimed === null) return { kind: "gone" };
    return { kind: "begun", handed: claimed.handed, ...this.#beginnings.told(claimed.begun) };
  }

  /** In one transaction: the request is found approved, the guest begins, and the request knows its guest. */
  async #claim(id: string, owner: string, current: LiveSignIn | null): Promise<ClaimedGuest | null> {
    const { value } = await inOwnerTurn(this.#context, owner, () =>
      this.#archiver.commit(async (tx): Promise<EndingWork<ClaimedGuest | null>> => {
        const state = await this.#archiver.lockAll(tx, owner);
        const ended = [...state.gone];
        const request = await lockRequest(tx, id);
        const approval = request?.approval;
        if (!request || !approval || !this.#isOpen(request)) return { ended, value: null };
        // The owner may have ended the sign-in that approved it: it may have been a thief's.
        if (!state.live.some((row) => row.id === approval.by)) return { ended, value: null };
        const guests = state.live.filter(({ guestSession }) => guestSession !== null);
        const before = guests.find((guest) => guest.id === request.guest);
        // Somebody has ended this guest. No claim brings it back.
        if (request.guest !== null && before === undefined) return { ended, value: null };
        const others = guests.filter((guest) => guest !== before).toSorted((one, other) => other.sinceMs - one.sinceMs);
        const begun = await this.#beginnings.beginGuest(tx, {
          owner,
          request,
          session: approval.handed.session,
          state,
        });
        const end = async (row: SignInWithHistoryHead, ending: "replaced" | "displaced") => {
          await this.#archiver.move(tx, row, { ending, atMs: state.nowMs, by: begun.signIn.id });
          ended.push(row);
        };
        if (before !== undefined) await end(before, "replaced");
        for (const guest of others.slice(MAX_GUESTS - 1)) await end(guest, "displaced");
        if (current !== null && !ended.some((row) => row.id === current.publicId)) {
          const key = { owner: current.owner, id: current.publicId };
          const replaced = await this.#archiver.endWithin(tx, key, { ending: "replaced", by: null });
          if (replaced !== null) ended.push(replaced);
        }
        await updateRequest(tx, id, { guest_id: begun.signIn.id });
        return { ended, value: { begun, handed: approval.handed } };
      }),
    );
    return value;
  }

  /** Another device has used the code too: nobody knows which one the owner saw. So what it granted ends. */
  #endReused(id: string, owner: string): Promise<void> {
    const ending = this.#reused.get(id) ?? this.#endReusedOnce(id, owner).finally(() => this.#reused.delete(id));
    this.#reused.set(id, ending);
    return ending;
  }

  async #endReusedOnce(id: string, owner: string): Promise<void> {
    await inOwnerTurn(this.#context, owner, () =>
      this.#archiver.commit(async (tx) => {
        const { gone } = await this.#archiver.lockAll(tx, owner);
        return { ended: [...gone, ...(await this.#endGranted(tx, id, owner))], value: null };
      }),
    );
  }

  async #endGranted(
    tx: Transaction<SignInTables>,
    id: string,
    owner: string,
  ): Promise<readonly SignInWithHistoryHead[]> {
    const request = await lockRequest(tx, id);
    if (request === null || request.over) return [];
    await updateRequest(tx, id, { over: true });
    if (request.guest === null) return [];
    const guest = { owner, id: request.guest };
    const ended = await this.#archiver.endWithin(tx, guest, { ending: "code_reused", by: null });
    return ended === null ? [] : [ended];
  }

  #isOpen({ over, expiresMs }: HandOffRequest): boolean {
    return !over && expiresMs > this.#context.now();
  }

  get #db() {
    return this.#context.db.withSchema(this.#context.schema);
  }
}
