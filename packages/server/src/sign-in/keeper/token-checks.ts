import { KeyedQueue, TurnTimedOutError } from "../../postgres/connection/keyed-queue.ts";
import { SessionsError } from "@sessions/core/internal";
import { databaseFault } from "../../postgres/errors.ts";
import type { Lifetime } from "../lifetime.ts";
import { loadArchivedSignIn } from "../rows/archive.ts";
import { loadLive, updateRotation } from "../rows/live.ts";
import type { StoredSignIn } from "../rows/stored-sign-in.ts";
import type { EndReason } from "../rows/tables.ts";
import { createRotation, judgeToken, type RotationState, type TokenJudgement } from "../token/rotation.ts";
import type { Token } from "../token/token.ts";
import type { Invalidations } from "./cache/invalidations.ts";
import type { KeeperContext } from "./context.ts";
import { deadlineOf, liveFrom } from "./live-sign-in.ts";
import type { SignInEnder } from "./ends/sign-in-ender.ts";
import { publicIdBytesOf, publicIdOf, uuidOf } from "../token/public-id.ts";
import type { CheckResult } from "./sign-in-keeper.ts";
import type { Touches } from "./touches.ts";

/** How long the database may take for a check, in milliseconds. */
export const CHECK_MS = 1_900;

/**
 * How long a cached row is used without being read again, in milliseconds. Nothing tells for sure that another node has
 * rotated a secret, so it is this long that an old one can go unnoticed.
 */
const MAX_AGE_MS = 300_000;

/** How often a check begins again because another write came first, or because a connection was lost. */
const MAX_ATTEMPTS = 5;

const NOBODY: CheckResult = { kind: "nobody" };

/** The rotation of no sign-in: its secret is random, and nobody has it. */
const { rotation: noRow } = createRotation(0);

/** Decides who a token signs in. */
export class TokenChecks {
  readonly #context: KeeperContext;
  readonly #invalidations: Invalidations;
  readonly #touches: Touches;
  readonly #ender: SignInEnder;
  /** One row is read and written by one request at a time: the others then find it in the cache. */
  readonly #turns = new KeyedQueue({ concurrency: 1, waitMs: CHECK_MS });

  constructor(
    context: KeeperContext,
    parts: { readonly invalidations: Invalidations; readonly touches: Touches; readonly ender: SignInEnder },
  ) {
    this.#context = context;
    this.#invalidations = parts.invalidations;
    this.#touches = parts.touches;
    this.#ender = parts.ender;
  }

  /** The answer without a question to the database; undefined if only the row can tell. */
  known(token: Token): CheckResult | undefined {
    const idBytes = publicIdBytesOf(token.id);
    const answer = this.#invalidations.lease.checkAndRenew() ? this.#fromCache(idBytes, token) : undefined;
    return answer ?? (this.#isNobody(uuidOf(idBytes), token) ? NOBODY : undefined);
  }

  async check(token: Token): Promise<CheckResult> {
    const id = publicIdOf(token.id);
    if (this.#isNobody(id, token)) return NOBODY;
    if (!this.#invalidations.lease.checkAndRenew()) await this.#invalidations.lease.renew();
    return this.#inTurn(id, () => this.#fromRow(id, token));
  }

  /** Why and when a sign-in ended, for a token that was its own. */
  async endOf(token: Token): Promise<{ readonly ending: EndReason; readonly atMs: number } | null> {
    const { db, schema, lifetime, known, now } = this.#context;
    const ownDb = db.withSchema(schema);
    const id = publicIdOf(token.id);
    const nowMs = now();
    const isOwn = ({ rotation }: Pick<StoredSignIn, "rotation">) =>
      this.#present(rotation, token, nowMs).kind !== "nobody";
    if (token.owner.includes("\0")) return null;
    const live = await loadLive(ownDb, token.owner, id);
    if (live !== null) {
      if (!isOwn(live)) return null;
      if (live.epoch < known.epoch) return { ending: "revoked", atMs: known.epochHeardMs || nowMs };
      const endedMs = deadlineOf(lifetime, live);
      return endedMs <= nowMs ? { ending: "expired", atMs: endedMs } : null;
    }
    const archived = await loadArchivedSignIn(ownDb, token.owner, id);
    return archived !== null && isOwn(archived) ? { ending: archived.ending, atMs: archived.endedMs } : null;
  }

  #isNobody(id: string, { owner }: Token): boolean {
    // Postgres stores no text with a zero, so it has no such owner.
    return this.#context.known.hasEnded(id) || owner.includes("\0");
  }

  /** The answer by the cached row; undefined if the row itself has to be asked: no "no" comes from here. */
  #fromCache(idBytes: string, token: Token): CheckResult | undefined {
    const { cache, elapsedMs, lifetime, now } = this.#context;
    const nowMs = now();
    const cached = cache.get(idBytes);
    const isUsable =
      cached !== undefined &&
      cached.signIn.owner === token.owner &&
      elapsedMs() - cached.readMs < MAX_AGE_MS &&
      deadlineOf(lifetime, cached.signIn) > nowMs;
    const presented = this.#present(isUsable ? cached.signIn.rotation : undefined, token, nowMs);
    if (!isUsable || presented.kind !== "accepted" || presented.write !== undefined) return undefined;
    const { signIn } = cached;
    const touched = this.#touches.note(signIn, nowMs);
    if (touched !== signIn) this.#invalidations.put(touched, cached.readMs);
    return accepted(touched, lifetime, token, presented);
  }

  async #fromRow(id: string, token: Token): Promise<CheckResult> {
    // A request before this one may have read the row meanwhile.
    const answer = this.#fromCache(publicIdBytesOf(token.id), token);
    if (answer !== undefined) return answer;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const checked = await this.#attempt(id, token);
        if (checked !== undefined) return checked;
        if (attempt === MAX_ATTEMPTS) {
          throw new SessionsError("database_unreachable", "Other requests kept changing the same sign-in.");
        }
      } catch (error) {
        // Whether the write was made is not known: the row tells.
        if (attempt === MAX_ATTEMPTS || databaseFault(error)?.code !== "database_unreachable") throw error;
      }
    }
  }

  /** Undefined when another write came first. */
  async #attempt(id: string, token: Token): Promise<CheckResult | undefined> {
    const { db, schema, elapsedMs, lifetime, known, now } = this.#context;
    const ownDb = db.withSchema(schema);
    const readMs = elapsedMs();
    const row = await loadLive(ownDb, token.owner, id);
    const nowMs = now();
    const presented = this.#present(row?.rotation, token, nowMs);
    if (row === null || row.epoch < known.epoch || deadlineOf(lifetime, row) <= nowMs) return NOBODY;
    // A change was heard of while the row was read.
    if (!known.allows(row)) return known.hasEnded(id) ? NOBODY : undefined;
    if (presented.kind === "reused") {
      return (await this.#ender.endReused(token.owner, id, token)) ? NOBODY : undefined;
    }
    if (presented.kind !== "accepted") return presented;
    let signIn: StoredSignIn = row;
    if (presented.write !== undefined) {
      signIn = { ...row, rotation: presented.write };
      if (!(await updateRotation(ownDb, token.owner, id, signIn.rotation))) return undefined;
      this.#invalidations.tell([{ kind: "changed", owner: token.owner, id, revision: signIn.rotation.revision }]);
      if (known.hasEnded(id)) return NOBODY;
    }
    const touched = this.#touches.note(signIn, nowMs);
    this.#invalidations.put(touched, readMs);
    return accepted(touched, lifetime, token, presented);
  }

  /** A token without a row is compared with a hash of nothing: it takes as long as a token with a wrong secret. */
  #present(rotation: RotationState | undefined, token: Token, nowMs: number): TokenJudgement {
    const { rotateMs, random } = this.#context;
    return judgeToken(rotation ?? { ...noRow, generation: token.generation }, token, nowMs, { rotateMs, random });
  }

  async #inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#turns.run(id, work);
    } catch (error) {
      if (!(error instanceof TurnTimedOutError)) throw error;
      throw new SessionsError("database_unreachable", "Other requests of the same sign-in took too long.");
    }
  }
}

function accepted(
  signIn: StoredSignIn,
  lifetime: Lifetime,
  token: Token,
  { offer }: Extract<TokenJudgement, { kind: "accepted" }>,
): CheckResult {
  return {
    kind: "live",
    signIn: liveFrom(signIn, token.id, lifetime),
    offer: offer === undefined ? null : { owner: token.owner, id: token.id, ...offer },
    revision: signIn.rotation.revision,
  };
}
