import type { Transaction } from "kysely";
import { loadArchivedSignIn } from "../rows/archive.ts";
import { addEntry, insertEntry, insertInvalidation } from "../rows/history.ts";
import { insertLive, updateLive } from "../rows/live.ts";
import type { SignInWithHistoryHead } from "../rows/stored-sign-in.ts";
import type { SignInTables } from "../rows/tables.ts";
import { endsAt } from "../lifetime.ts";
import { createRotation, type OfferedSecret } from "../token/rotation.ts";
import { TurnTimedOutError } from "../../postgres/connection/keyed-queue.ts";
import { base64url, ID_BYTES } from "../token/token.ts";
import type { Invalidations } from "./cache/invalidations.ts";
import type { Moved } from "../../postgres/adoption.ts";
import type { Adoptions } from "./adoptions.ts";
import type { KeeperContext } from "./context.ts";
import { liveFrom } from "./live-sign-in.ts";
import type { HandOffRequest } from "../rows/hand-offs/requests.ts";
import type { Token } from "../token/token.ts";
import type { Archiver, EndingWork, LockedSignIns } from "./ends/archiver.ts";
import { publicIdOf } from "../token/public-id.ts";
import type { BeginResult, LiveSignIn, NewSignIn } from "./sign-in-keeper.ts";
import { inOwnerTurn } from "./transactions/transaction.ts";

const CSRF_BYTES = 16;
/** The longest name of a device or a place, in UTF-16 code units. */
const MAX_NAME_LENGTH = 200;

/** What was begun in a transaction; null if the limit refused. */
type Decided = {
  readonly signIn: SignInWithHistoryHead;
  readonly tokenId: string;
  readonly offer: OfferedSecret;
} | null;

type ToldOfSignIn = Pick<SignInWithHistoryHead, "owner" | "device" | "place" | "factors" | "guestSession">;

/** A guest that was begun in a transaction. */
export interface BegunGuest {
  readonly signIn: SignInWithHistoryHead;
  readonly tokenId: string;
  readonly offer: OfferedSecret;
  readonly readMs: number;
}

/** What a guest is begun with. */
export interface NewGuest {
  readonly owner: string;
  /** The asking browser, and the sign-in from which it was approved. */
  readonly request: Pick<HandOffRequest, "device" | "place" | "approval">;
  readonly session: string;
  readonly state: LockedSignIns;
}

/** Signs owners in, and notes their new proofs. */
export class Beginnings {
  readonly #context: KeeperContext;
  readonly #invalidations: Invalidations;
  readonly #archiver: Archiver;
  readonly #adoptions: Adoptions;

  constructor(
    context: KeeperContext,
    parts: { readonly invalidations: Invalidations; readonly archiver: Archiver; readonly adoptions: Adoptions },
  ) {
    this.#context = context;
    this.#invalidations = parts.invalidations;
    this.#archiver = parts.archiver;
    this.#adoptions = parts.adoptions;
  }

  /** The token leaves only after the commit. If the outcome of a commit is not known, the same token is tried again. */
  async begin(given: NewSignIn): Promise<BeginResult> {
    const { elapsedMs, now, random, lifetime } = this.#context;
    const { owner, device, place, visitors = [] } = given;
    const input = { ...given, device: shorten(device), place: place === null ? null : shorten(place) };
    const replay = recordOf(random);
    const readMs = elapsedMs();
    const giveUpMs = readMs + (given.giveUpAfterMs ?? Infinity);
    await this.#adoptions.prepare(visitors);
    const moved: Moved[] = [];
    let moving: readonly string[] = [];
    const { value: begun } = await inOwnerTurn(this.#context, owner, () =>
      this.#archiver.commit(async (tx, attempt) => {
        const work = await this.#decide(tx, input, replay(), attempt);
        if (work.value !== null) {
          const signedIn = { owner, id: work.value.signIn.id };
          const adopted = await this.#adoptions.within(tx, signedIn, visitors, now());
          moved.push(...adopted.moved);
          ({ moving } = adopted);
        }
        // Nobody waits for the token any more, so there must be no sign-in of it.
        if (elapsedMs() > giveUpMs) throw new TurnTimedOutError();
        return work;
      }),
    );
    // An attempt whose outcome was not known may have moved what the last one did not find any more.
    for (const each of moved) each.tell();
    if (begun === null) return { kind: "refused", code: "sign_in_limit" };
    const { signIn, tokenId, offer } = begun;
    const { revision } = signIn.rotation;
    // Of a new one, nobody has an older state.
    if (signIn.lastEntry > 1) this.#invalidations.tell([{ kind: "changed", owner, id: signIn.id, revision }]);
    this.#invalidations.put(signIn, readMs);
    this.#adoptions.goOn(signIn, moving);
    return {
      kind: "begun",
      signIn: liveFrom(signIn, tokenId, lifetime),
      token: { owner, id: tokenId, ...offer },
      moving,
    };
  }

  async #decide(
    tx: Transaction<SignInTables>,
    input: NewSignIn,
    random: (bytes: number) => Uint8Array,
    attempt: number,
  ): Promise<EndingWork<Decided>> {
    const state = await this.#archiver.lockAll(tx, input.owner);
    const before = state.live.find(
      ({ id, guestSession }) =>
        id === input.current?.publicId && input.current.owner === input.owner && guestSession === null,
    );
    if (before !== undefined) {
      return { ended: state.gone, value: await this.#prove(tx, input, before, state.nowMs, random) };
    }
    const tokenId = base64url(random(ID_BYTES));
    const id = publicIdOf(tokenId);
    const csrf = base64url(random(CSRF_BYTES));
    const { rotation, offer } = createRotation(state.nowMs, undefined, random);
    const signIn = this.#signIn({ ...input, guestSession: null }, { id, csrf, rotation }, state);
    const begun = { tokenId, offer };
    if (attempt > 1) {
      // The attempt before may have committed. Others may even have ended its sign-in since.
      const made = state.live.find((row) => row.id === id);
      if (made !== undefined) return { ended: state.gone, value: { ...begun, signIn: made } };
      if ((await loadArchivedSignIn(tx, input.owner, id)) !== null)
        return { ended: state.gone, value: { ...begun, signIn } };
    }

    const { limit, partitions } = this.#context;
    const own = state.live.filter(({ guestSession }) => guestSession === null);
    const excess = own.length + 1 - limit.perOwner;
    if (excess > 0 && limit.beyond === "refuse") return { ended: state.gone, value: null };
    const ended = [...state.gone];
    const oldest = own.toSorted((one, other) => one.sinceMs - other.sinceMs).slice(0, Math.max(0, excess));
    for (const row of oldest) {
      await this.#archiver.move(tx, row, { ending: "displaced", atMs: state.nowMs, by: id });
      ended.push(row);
    }
    partitions.require(state.nowMs);
    const { signIn: noted, entry } = addEntry(signIn, "signed_in", state.nowMs);
    await insertLive(tx, noted);
    await insertEntry(tx, input.owner, entry);
    if (input.current !== null) {
      // It is another owner's, whose history does not tell who came, or a guest's.
      const key = { owner: input.current.owner, id: input.current.publicId };
      const replaced = await this.#archiver.endWithin(tx, key, { ending: "replaced", by: null });
      if (replaced !== null) ended.push(replaced);
    }
    return { ended, value: { ...begun, signIn: noted } };
  }

  /** Begins a guest in a transaction. Nobody has proved anything. */
  async beginGuest(tx: Transaction<SignInTables>, { owner, request, session, state }: NewGuest): Promise<BegunGuest> {
    const { random, elapsedMs, partitions } = this.#context;
    const readMs = elapsedMs();
    const tokenId = base64url(random(ID_BYTES));
    const { rotation, offer } = createRotation(state.nowMs, undefined, random);
    const made = { id: publicIdOf(tokenId), csrf: base64url(random(CSRF_BYTES)), rotation };
    const { device, place } = request;
    const told = { owner, device: shorten(device), place, factors: [], guestSession: session };
    partitions.require(state.nowMs);
    const begun = this.#signIn(told, made, state);
    const { signIn, entry } = addEntry(begun, "handed_off", state.nowMs, { by: request.approval?.by ?? null });
    await insertLive(tx, signIn);
    await insertEntry(tx, owner, entry);
    return { signIn, tokenId, offer, readMs };
  }

  /** Caches a guest whose transaction has committed, and gives its token. */
  told({ signIn, tokenId, offer, readMs }: BegunGuest): { readonly signIn: LiveSignIn; readonly token: Token } {
    this.#invalidations.put(signIn, readMs);
    const token = { owner: signIn.owner, id: tokenId, ...offer };
    return { signIn: liveFrom(signIn, tokenId, this.#context.lifetime), token };
  }

  /** A new proof: the same sign-in, with a new secret. The secret before ends with this transaction. */
  async #prove(
    tx: Transaction<SignInTables>,
    { current, factors, device, place }: NewSignIn,
    before: SignInWithHistoryHead,
    nowMs: number,
    random: (bytes: number) => Uint8Array,
  ): Promise<Decided> {
    const { rotation, offer } = createRotation(nowMs, before.rotation, random);
    // The sign-in was found by the public id of this one.
    const tokenId = current!.tokenId;
    // The attempt before has committed.
    if (before.rotation.hash === rotation.hash) return { signIn: before, tokenId, offer };
    const times = { provedMs: nowMs, lastUsedMs: nowMs };
    const proved = this.#withDeadline({ ...before, rotation, factors, device, place, ...times });
    this.#context.partitions.require(nowMs);
    const { signIn, entry } = addEntry(proved, "proved", nowMs);
    await updateLive(tx, signIn);
    await insertInvalidation(tx, signIn.owner, entry);
    return { signIn, tokenId, offer };
  }

  #signIn(
    { owner, device, place, factors, guestSession }: ToldOfSignIn,
    made: Pick<SignInWithHistoryHead, "id" | "csrf" | "rotation">,
    { epoch, nowMs }: { readonly epoch: number; readonly nowMs: number },
  ): SignInWithHistoryHead {
    const times = { sinceMs: nowMs, provedMs: nowMs, lastUsedMs: nowMs };
    const told = { owner, device, place, factors, guestSession };
    return this.#withDeadline({ ...told, ...made, ...times, binding: null, epoch, lastEntry: 0, lastHash: null });
  }

  #withDeadline(signIn: Omit<SignInWithHistoryHead, "endsMs">): SignInWithHistoryHead {
    return { ...signIn, endsMs: endsAt(this.#context.lifetime, signIn) };
  }
}

/** Gives the same bytes again to each attempt, so that an attempt makes the token that the one before made. */
function recordOf(random: (bytes: number) => Uint8Array): () => (bytes: number) => Uint8Array {
  const drawn = new Map<number, Uint8Array[]>();
  return () => {
    // Two attempts can need different things, but never bytes of another length for the same thing.
    const counts = new Map<number, number>();
    return (bytes) => {
      const count = counts.get(bytes) ?? 0;
      counts.set(bytes, count + 1);
      const all = drawn.get(bytes) ?? [];
      drawn.set(bytes, all);
      return (all[count] ??= random(bytes));
    };
  };
}

/** A name as Postgres can store it. */
function shorten(name: string): string {
  return name.replaceAll("\0", "").slice(0, MAX_NAME_LENGTH).toWellFormed();
}
