import { timingSafeEqual } from "node:crypto";
import {
  durationMs,
  SessionsError,
  type AssuranceLevel,
  type DataDefinitions,
  type Duration,
} from "@sessions/core/internal";
import { isFresh, isLevel, levelOf } from "../assurance.ts";
import type { EndReason, LiveSignIn, SignInKeeper } from "../keeper/sign-in-keeper.ts";
import { isReadOnlyMethod } from "../request/cross-site.ts";
import { deviceLabel } from "../request/device-label.ts";
import type { PresentedToken } from "../request/presented-token.ts";
import type { RequestHead } from "../request/request-head.ts";
import { GIVE_UP_MS, withAnswerLimit } from "./answer-limit.ts";
import { checkSignInArguments } from "./sign-in-arguments.ts";
import type { EndListeners } from "./end-listeners.ts";
import type { SignedIn, SignInAsOptions, SignInPage, SignInPageRequest, Visit } from "./visit.ts";
import type { TokenCarrier, VisitHeaders } from "./visit-headers.ts";
import { VisitError } from "./visit-error.ts";
import { KeptData } from "./kept-data.ts";
import { visitedSignIn, type VisitedSignIn } from "./visited-sign-in.ts";

/** What the visits of one node share. */
export interface VisitParts {
  readonly keeper: SignInKeeper;
  /** The values that are kept for a person. */
  readonly data: DataDefinitions;
  readonly now: () => number;
  readonly endListeners: EndListeners;
  /** A coarse place; null if the application tells none. */
  readonly locate: (request: RequestHead) => string | null;
  readonly report: (fault: SessionsError) => void;
}

/** The visit of one request, after its token was checked. */
export class RequestVisit implements Visit<DataDefinitions> {
  readonly #parts: VisitParts;
  readonly #request: RequestHead;
  readonly #headers: VisitHeaders;
  readonly #presented: PresentedToken | undefined;
  readonly #checkedMs: number;
  #signIn: LiveSignIn | null;
  #last: Promise<unknown> | undefined;

  constructor(
    parts: VisitParts,
    given: {
      readonly request: RequestHead;
      readonly headers: VisitHeaders;
      readonly presented: PresentedToken | undefined;
      readonly signIn: LiveSignIn | null;
      readonly checkedMs: number;
    },
  ) {
    this.#parts = parts;
    this.#request = given.request;
    this.#headers = given.headers;
    this.#presented = given.presented;
    this.#signIn = given.signIn;
    this.#checkedMs = given.checkedMs;
  }

  get owner(): string | null {
    return this.#signIn?.owner ?? null;
  }

  get signIn(): VisitedSignIn | null {
    return this.#signIn && visitedSignIn(this.#signIn);
  }

  get csrf(): string | null {
    return this.#signIn?.csrf ?? null;
  }

  get data(): KeptData {
    return new KeptData({
      definitions: this.#parts.data,
      keeper: this.#parts.keeper,
      signIn: () => this.#signIn,
      requireMethod: () => this.#requireMethod(),
      ask: (asked) => this.#ask(asked),
    });
  }

  async ending(): Promise<{ readonly reason: EndReason; readonly at: Date } | null> {
    if (this.#signIn || !this.#presented) return null;
    const end = await this.#ask(this.#parts.keeper.endOf(this.#presented.token));
    return end && { reason: end.ending, at: new Date(end.atMs) };
  }

  async list(page: SignInPageRequest = {}): Promise<SignInPage> {
    const { rows, next } = await this.#ask(this.#parts.keeper.list(this.#required().owner, page));
    return { signIns: rows.map(visitedSignIn), next };
  }

  requireFresh(within: Duration): void {
    const freshMs = durationMs(within);
    if (freshMs === undefined) {
      throw new SessionsError("configuration_invalid", '`requireFresh` takes a duration, such as "5m".');
    }
    if (!isFresh(this.#required().provedMs, freshMs, this.#parts.now())) {
      throw new VisitError("sign_in_again", { asked: { freshMs } });
    }
  }

  requireLevel(level: AssuranceLevel): void {
    if (!isLevel(levelOf(this.#required().factors), level)) throw new VisitError("sign_in_again", { asked: { level } });
  }

  /** Requires that a change by cookie comes from a page that has read this sign-in's value. */
  requireCsrf(): void {
    if (this.#presented?.carrier !== "cookie" || !this.#signIn) return;
    const sent = Buffer.from(this.#request.headers.get("sign-in-csrf") ?? "");
    const right = Buffer.from(this.#signIn.csrf);
    if (sent.length !== right.length || !timingSafeEqual(sent, right)) throw new VisitError("csrf_mismatch");
  }

  signInAs(owner: string, options: SignInAsOptions): Promise<SignedIn> {
    return this.#inTurn(async () => {
      const { factors, device = deviceLabel(this.#request.headers), as } = options;
      checkSignInArguments({ owner, factors, device });
      if (this.#headers.hasLeft) {
        throw new SessionsError(
          "configuration_invalid",
          "`signInAs` was called after the answer's headers had left. Sign in before the answer begins, and not in a streamed batch.",
        );
      }
      const place = this.#parts.locate(this.#request);
      const asked = this.#parts.keeper.begin({
        owner,
        factors,
        device,
        place,
        current: this.#signIn,
        giveUpAfterMs: GIVE_UP_MS,
      });
      const begun = await this.#ask(asked);
      if (begun.kind === "refused") return { ok: false, refused: begun.code };
      this.#signIn = begun.signIn;
      this.#headers.give(as ?? this.#carrier, begun.token, begun.signIn);
      return { ok: true };
    });
  }

  signOut(): Promise<boolean> {
    return this.#inTurn(() => this.#signOut());
  }

  revoke(id: string): Promise<boolean> {
    return this.#inTurn(() => {
      const signIn = this.#required();
      this.#requireMethod();
      // Ends it with all that a sign-out does in this browser.
      if (id === signIn.publicId) return this.#signOut();
      return this.#ask(this.#parts.keeper.end(signIn.owner, id, "revoked", signIn));
    });
  }

  revokeOthers(): Promise<number> {
    return this.#inTurn(() => {
      const signIn = this.#required();
      this.#requireMethod();
      return this.#ask(this.#parts.keeper.endOthers(signIn));
    });
  }

  /** Calls the listener once, when the sign-in ends. Gives a function that forgets the listener. */
  onEnd(listener: () => void): () => void {
    return this.#parts.endListeners.onEnd(this.#required(), this.#checkedMs, listener);
  }

  /** The answer's body is the owner's alone. */
  markPersonal(): void {
    this.#headers.markPersonal();
  }

  async #signOut(): Promise<boolean> {
    const signIn = this.#signIn;
    if (!signIn) return false;
    this.#requireMethod();
    const ended = await this.#ask(this.#parts.keeper.end(signIn.owner, signIn.publicId, "signed_out", signIn));
    this.#signIn = null;
    this.#headers.take(this.#carrier, { clearsSite: this.#request.headers.get("sign-in-unsent") === "0" });
    return ended;
  }

  get #carrier(): TokenCarrier {
    return this.#presented?.carrier ?? "cookie";
  }

  /** A cookie comes with a GET request of any site, a link for example. */
  #requireMethod(): void {
    if (this.#presented?.carrier !== "bearer" && isReadOnlyMethod(this.#request))
      throw new VisitError("method_not_allowed");
  }

  #required(): LiveSignIn {
    if (!this.#signIn) throw new VisitError("signed_out");
    return this.#signIn;
  }

  /** Changes of one request happen one after the other: each starts from the sign-in that the one before left. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = (this.#last ?? Promise.resolve()).then(change);
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #ask<T>(asked: Promise<T>): Promise<T> {
    try {
      return await withAnswerLimit(asked, this.#parts.report);
    } catch (error) {
      if (error instanceof VisitError && error.reason === "unavailable") this.#headers.markAway();
      throw error;
    }
  }
}
