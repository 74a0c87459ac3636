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
import type { RequestHead, VisitRequest } from "../request/request-head.ts";
import { GIVE_UP_MS, withAnswerLimit } from "./answer-limit.ts";
import { checkedSignInArguments } from "./sign-in-arguments.ts";
import type { EndListeners } from "./end-listeners.ts";
import type { SignedIn, SignInAsOptions, SignInPage, SignInPageRequest, Visit, VisitingGuest } from "./visit.ts";
import type { TokenCarrier, VisitHeaders } from "./visit-headers.ts";
import { VisitError } from "./visit-error.ts";
import { VisitHandOffs } from "./visit-hand-offs.ts";
import { renewAtMs } from "./bound-request.ts";
import { KeptData } from "./kept-data.ts";
import { RequestVisitors } from "./request-visitors.ts";
import { visitedSignIn, type VisitedSignIn } from "./visited-sign-in.ts";

/** What the visits of one node share. */
export interface VisitParts {
  readonly keeper: SignInKeeper;
  /** The values that are kept for a person. */
  readonly data: DataDefinitions;
  readonly now: () => number;
  /** Undefined if the application hands nothing off. */
  readonly handOff: { readonly freshMs: number } | undefined;
  readonly endListeners: EndListeners;
  /** Whether a sign-in that is bound to a device needs the device's short cookie. */
  readonly bindsDevices: boolean;
  /** A coarse place; null if the application tells none. */
  readonly locate: (request: RequestHead) => string | null;
  /** Whether somebody who is not signed in can be a visitor. */
  readonly hasVisitors: boolean;
  readonly report: (fault: SessionsError) => void;
}

/** The visit of one request, after its token was checked. */
export class RequestVisit implements Visit<DataDefinitions> {
  readonly #parts: VisitParts;
  readonly #request: VisitRequest;
  readonly #headers: VisitHeaders;
  readonly #presented: PresentedToken | undefined;
  readonly #checkedMs: number;
  /** The owner's own sign-in. A guest has none: whatever asks for it takes a guest for nobody. */
  #signIn: LiveSignIn | null;
  #guest: LiveSignIn | null;
  /** Read at the first question. */
  #readVisitors: RequestVisitors | undefined;
  #last: Promise<unknown> | undefined;

  constructor(
    parts: VisitParts,
    given: {
      readonly request: VisitRequest;
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
    const isGuest = given.signIn !== null && given.signIn.guestSession !== null;
    this.#signIn = isGuest ? null : given.signIn;
    this.#guest = isGuest ? given.signIn : null;
    this.#checkedMs = given.checkedMs;
  }

  get owner(): string | null {
    this.#headers.markRead();
    return this.#signIn?.owner ?? null;
  }

  get visitor(): string | null {
    this.#headers.markRead();
    return this.#held ? null : (this.#visitors?.current ?? null);
  }

  keepVisitor(): string {
    const visitors = this.#visitors;
    if (!visitors) throw new SessionsError("configuration_invalid", "`visitors` is not true.");
    if (this.#held) throw new SessionsError("configuration_invalid", "Somebody is signed in: use `visit.owner`.");
    if (visitors.current === null) this.#requireHeaders("`keepVisitor` was called");
    return visitors.keep();
  }

  get signIn(): VisitedSignIn | null {
    this.#headers.markRead();
    return this.#signIn && visitedSignIn(this.#signIn);
  }

  get guest(): VisitingGuest | null {
    this.#headers.markRead();
    if (!this.#guest) return null;
    return { owner: this.#guest.owner, session: this.#guest.guestSession!, signIn: visitedSignIn(this.#guest) };
  }

  get csrf(): string | null {
    this.#headers.markRead();
    return this.#held?.csrf ?? null;
  }

  /** Hand-offs to other devices; undefined if the application hands nothing off. */
  get handOffs(): VisitHandOffs | undefined {
    const { keeper, now, handOff, locate } = this.#parts;
    return (
      handOff &&
      new VisitHandOffs({
        keeper: keeper.handOffs,
        now,
        freshMs: handOff.freshMs,
        device: deviceLabel(this.#request.headers),
        place: locate(this.#request),
        address: this.#request.address,
        own: () => this.#signIn,
        required: () => this.#required(),
        held: () => this.#held,
        requireHeaders: () => this.#requireHeaders("A hand-off was claimed"),
        letIn: (signIn, token) => {
          this.#guest = signIn;
          this.#headers.give(this.#carrier, token, signIn);
        },
        ask: (asked) => this.#ask(asked),
      })
    );
  }

  get data(): KeptData {
    this.#headers.markRead();
    return new KeptData({
      definitions: this.#parts.data,
      keeper: this.#parts.keeper,
      signIn: () => this.#signIn,
      requireMethod: () => this.#requireMethod(),
      ask: (asked) => this.#ask(asked),
    });
  }

  async ending(): Promise<{ readonly reason: EndReason; readonly at: Date } | null> {
    if (this.#held || !this.#presented) return null;
    const end = await this.#ask(this.#parts.keeper.endOf(this.#presented.token));
    return end && { reason: end.ending, at: new Date(end.atMs) };
  }

  async list(page: SignInPageRequest = {}): Promise<SignInPage> {
    this.#headers.markRead();
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
    if (this.#presented?.carrier !== "cookie" || !this.#held) return;
    const sent = Buffer.from(this.#request.headers.get("sign-in-csrf") ?? "");
    const right = Buffer.from(this.#held.csrf);
    if (sent.length !== right.length || !timingSafeEqual(sent, right)) throw new VisitError("csrf_mismatch");
  }

  signInAs(owner: string, options: SignInAsOptions): Promise<SignedIn> {
    return this.#inTurn(async () => {
      // A caller without types may give none.
      const { factors, device = deviceLabel(this.#request.headers), as }: Partial<SignInAsOptions> = options ?? {};
      const checked = checkedSignInArguments({ owner, factors, device, as });
      this.#requireHeaders("`signInAs` was called");
      const place = this.#parts.locate(this.#request);
      const asked = this.#parts.keeper.begin({
        ...checked,
        place,
        current: this.#held,
        visitors: this.#visitors?.all ?? [],
        giveUpAfterMs: GIVE_UP_MS,
      });
      const begun = await this.#ask(asked);
      if (begun.kind === "refused") return { ok: false, refused: begun.code };
      this.#guest = null;
      this.#signIn = begun.signIn;
      this.#headers.give(as ?? this.#carrier, begun.token, begun.signIn);
      this.#visitors?.forget();
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

  /** Gives to the owner what the visitor of this request began. False if there is none, or another owner has it. */
  adopt(): Promise<boolean> {
    return this.#inTurn(async () => {
      const { owner } = this.#required();
      this.#requireMethod();
      const visitors = this.#visitors;
      const visitor = visitors?.current ?? null;
      if (!visitors || visitor === null) return false;
      const adopted = await this.#ask(this.#parts.keeper.adopt(owner, visitors.all));
      visitors.forget();
      return adopted.has(visitor);
    });
  }

  /**
   * Calls the listener once, when the sign-in ends, or with `renew` when the short cookie of the device has been good for as
   * long as it is. Gives a function that forgets the listener.
   */
  onEnd(listener: (why?: "renew") => void): () => void {
    const { endListeners, bindsDevices, now } = this.#parts;
    const held = this.#held;
    if (!held) throw new VisitError("signed_out");
    const forget = endListeners.onEnd(held, this.#checkedMs, () => listener());
    const renewMs = bindsDevices ? renewAtMs(this.#request, held, this.#checkedMs) : Infinity;
    if (renewMs === Infinity) return forget;
    const timer = setTimeout(() => listener("renew"), Math.max(0, renewMs - now())).unref();
    return () => {
      clearTimeout(timer);
      forget();
    };
  }

  /** Ends the guest, whose session has ended. Nobody waits for it: the guest is told at their next request. */
  endGuest(): void {
    const { keeper, report } = this.#parts;
    const guest = this.#guest;
    if (!guest) return;
    keeper.end(guest.owner, guest.publicId, "session_ended").catch((error: unknown) => {
      report(
        error instanceof SessionsError
          ? error
          : new SessionsError("internal", "A guest was not ended.", { cause: error }),
      );
    });
  }

  /** The answer's body is the owner's alone. */
  markPersonal(): void {
    this.#headers.markPersonal();
  }

  async #signOut(): Promise<boolean> {
    const signIn = this.#held;
    if (!signIn) return false;
    this.#requireMethod();
    const ended = await this.#ask(this.#parts.keeper.end(signIn.owner, signIn.publicId, "signed_out", signIn));
    this.#signIn = null;
    this.#guest = null;
    this.#headers.take(this.#carrier, { clearsSite: this.#request.headers.get("sign-in-unsent") === "0" });
    return ended;
  }

  /** Undefined if the application has no visitors. */
  get #visitors(): RequestVisitors | undefined {
    if (!this.#parts.hasVisitors) return undefined;
    return (this.#readVisitors ??= new RequestVisitors(this.#request, this.#headers));
  }

  get #carrier(): TokenCarrier {
    return this.#presented?.carrier ?? "cookie";
  }

  /** A cookie comes with a GET request of any site, a link for example. */
  #requireMethod(): void {
    if (this.#presented?.carrier !== "bearer" && isReadOnlyMethod(this.#request))
      throw new VisitError("method_not_allowed");
  }

  #requireHeaders(what: string): void {
    if (!this.#headers.hasLeft) return;
    const how = "Sign in before the answer begins, and not in a streamed batch.";
    throw new SessionsError("configuration_invalid", `${what} after the answer's headers had left. ${how}`);
  }

  /** The sign-in of the request's token: the owner's own, or a guest's. */
  get #held(): LiveSignIn | null {
    return this.#signIn ?? this.#guest;
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
