import {
  durationMs,
  SessionsError,
  type AssuranceLevel,
  type DataDefinitions,
  type Duration,
} from "@sessions/core/internal";
import { isFresh, isLevel, levelOf } from "../assurance.ts";
import type { EndReason, LiveSignIn } from "../keeper/sign-in-keeper.ts";
import type { PresentedToken } from "../request/presented-token.ts";
import type { VisitRequest } from "../request/request-head.ts";
import { DataHolder } from "./data/data-holder.ts";
import { KeptData } from "./data/kept-data.ts";
import { CurrentSignIn } from "./exchange/current-sign-in.ts";
import { Exchange } from "./exchange/exchange.ts";
import { VisitError } from "./exchange/visit-error.ts";
import type { VisitHeaders } from "./exchange/visit-headers.ts";
import { endGuest, onRequestEnd, type OpenRequest } from "./request-end.ts";
import { RequestVisitors } from "./request-visitors.ts";
import { SignInChanges } from "./sign-in-changes.ts";
import type { SignedIn, SignInAsOptions, SignInPage, SignInPageRequest, Visit, VisitingGuest } from "./visit.ts";
import { VisitHandOffs } from "./visit-hand-offs.ts";
import type { VisitParts } from "./visit-parts.ts";
import { visitedSignIn, type VisitedSignIn } from "./visited-sign-in.ts";

/** The visit of one request, after its token was checked. */
export class RequestVisit implements Visit<DataDefinitions> {
  readonly #parts: VisitParts;
  readonly #exchange: Exchange;
  readonly #current: CurrentSignIn;
  readonly #checked: Pick<OpenRequest, "checkedMs" | "believedUntilMs">;
  /** Made at the first question, like the changes. */
  #readVisitors: RequestVisitors | undefined;
  #madeChanges: SignInChanges | undefined;

  constructor(
    parts: VisitParts,
    given: {
      readonly request: VisitRequest;
      readonly headers: VisitHeaders;
      readonly presented: PresentedToken | undefined;
      readonly signIn: LiveSignIn | null;
    } & Pick<OpenRequest, "checkedMs" | "believedUntilMs">,
  ) {
    this.#parts = parts;
    this.#exchange = new Exchange(given.request, given.headers, given.presented, parts.report);
    this.#current = new CurrentSignIn(given.signIn);
    this.#checked = { checkedMs: given.checkedMs, believedUntilMs: given.believedUntilMs };
  }

  get owner(): string | null {
    return this.#read().own?.owner ?? null;
  }

  get visitor(): string | null {
    return this.#read().any ? null : (this.#visitors?.current ?? null);
  }

  /** Whether somebody is signed in, and the request shows a visitor too. */
  get hasUnadopted(): boolean {
    return this.#read().own !== null && (this.#visitors?.current ?? null) !== null;
  }

  keepVisitor(): string {
    const visitors = this.#visitors;
    if (!visitors) throw new SessionsError("configuration_invalid", "`visitors` is not true.");
    if (this.#current.any)
      throw new SessionsError("configuration_invalid", "Somebody is signed in: use `visit.owner`.");
    if (visitors.current === null) this.#exchange.requireHeaders("`keepVisitor` was called");
    return visitors.keep();
  }

  get signIn(): VisitedSignIn | null {
    const { own } = this.#read();
    return own && visitedSignIn(own);
  }

  get guest(): VisitingGuest | null {
    const { any } = this.#read();
    if (any === null || any.guestSession === null) return null;
    return { owner: any.owner, session: any.guestSession, signIn: visitedSignIn(any) };
  }

  get csrf(): string | null {
    return this.#read().any?.csrf ?? null;
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
        locate,
        exchange: this.#exchange,
        current: this.#current,
      })
    );
  }

  get data(): KeptData {
    const { data: definitions, keeper } = this.#parts;
    const exchange = this.#exchange;
    const holder = new DataHolder({ current: this.#read(), exchange, visitors: this.#visitors });
    return new KeptData({ definitions, keeper, holder, exchange });
  }

  async ending(): Promise<{ readonly reason: EndReason; readonly at: Date } | null> {
    const { presented } = this.#exchange;
    if (this.#current.any || !presented) return null;
    const end = await this.#exchange.ask(this.#parts.keeper.endOf(presented.token));
    return end && { reason: end.ending, at: new Date(end.atMs) };
  }

  async list(page: SignInPageRequest = {}): Promise<SignInPage> {
    const { owner } = this.#read().requireOwn();
    const { rows, next } = await this.#exchange.ask(this.#parts.keeper.list(owner, page));
    return { signIns: rows.map(visitedSignIn), next };
  }

  requireFresh(within: Duration): void {
    const freshMs = durationMs(within);
    if (freshMs === undefined) {
      throw new SessionsError("configuration_invalid", '`requireFresh` takes a duration, such as "5m".');
    }
    if (!isFresh(this.#current.requireOwn().provedMs, freshMs, this.#parts.now())) {
      throw new VisitError("sign_in_again", { asked: { freshMs } });
    }
  }

  requireLevel(level: AssuranceLevel): void {
    if (isLevel(levelOf(this.#current.requireOwn().factors), level)) return;
    throw new VisitError("sign_in_again", { asked: { level } });
  }

  /** Requires that a change by cookie comes from a page that has read this sign-in's value. */
  requireCsrf(): void {
    this.#exchange.requireCsrf(this.#current.any);
  }

  signInAs(owner: string, options: SignInAsOptions): Promise<SignedIn> {
    return this.#changes.signInAs(owner, options);
  }

  signOut(): Promise<boolean> {
    return this.#changes.signOut();
  }

  revoke(id: string): Promise<boolean> {
    return this.#changes.revoke(id);
  }

  revokeOthers(): Promise<number> {
    return this.#changes.revokeOthers();
  }

  adopt(): Promise<boolean> {
    return this.#changes.adopt();
  }

  /** @throws {VisitError} `signed_out` if there is neither an owner nor a guest. */
  onEnd(listener: (why?: "renew") => void): () => void {
    const signIn = this.#current.any;
    if (!signIn) throw new VisitError("signed_out");
    const { request } = this.#exchange;
    return onRequestEnd(this.#parts, { request, signIn, ...this.#checked }, listener);
  }

  /** Ends the guest, whose session has ended. */
  endGuest(): void {
    const { any } = this.#current;
    if (any !== null && any.guestSession !== null) endGuest(this.#parts, any);
  }

  /** The answer's body is the owner's alone. */
  markPersonal(): void {
    this.#exchange.headers.markPersonal();
  }

  /** The answer may show who is signed in. */
  #read(): CurrentSignIn {
    this.#exchange.headers.markRead();
    return this.#current;
  }

  /** Undefined if the application has no visitors. */
  get #visitors(): RequestVisitors | undefined {
    if (!this.#parts.hasVisitors) return undefined;
    const { request, headers } = this.#exchange;
    return (this.#readVisitors ??= new RequestVisitors(request, headers));
  }

  get #changes(): SignInChanges {
    const { keeper, locate } = this.#parts;
    return (this.#madeChanges ??= new SignInChanges({
      keeper,
      locate,
      exchange: this.#exchange,
      current: this.#current,
      visitors: this.#visitors,
    }));
  }
}
