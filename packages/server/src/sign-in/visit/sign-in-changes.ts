import type { SignInKeeper } from "../keeper/sign-in-keeper.ts";
import { deviceLabel } from "../request/device-label.ts";
import type { RequestHead } from "../request/request-head.ts";
import { GIVE_UP_MS } from "./exchange/answer-limit.ts";
import type { CurrentSignIn } from "./exchange/current-sign-in.ts";
import type { Exchange } from "./exchange/exchange.ts";
import { VisitError } from "./exchange/visit-error.ts";
import type { RequestVisitors } from "./request-visitors.ts";
import { checkedSignInArguments } from "./sign-in-arguments.ts";
import type { SignedIn, SignInAsOptions } from "./visit.ts";

export interface SignInChangesParts {
  readonly keeper: SignInKeeper;
  readonly locate: (request: RequestHead) => string | null;
  readonly exchange: Exchange;
  readonly current: CurrentSignIn;
  /** Undefined if the application has no visitors. */
  readonly visitors: RequestVisitors | undefined;
}

/** What one request begins and ends. One change happens after the other: each starts from the sign-in that the one before left. */
export class SignInChanges {
  readonly #parts: SignInChangesParts;
  #last: Promise<unknown> | undefined;

  constructor(parts: SignInChangesParts) {
    this.#parts = parts;
  }

  signInAs(owner: string, options: SignInAsOptions): Promise<SignedIn> {
    const { keeper, locate, exchange, current, visitors } = this.#parts;
    return this.#inTurn(async () => {
      // A caller without types may give none.
      const { factors, device = deviceLabel(exchange.request.headers), as }: Partial<SignInAsOptions> = options ?? {};
      const checked = checkedSignInArguments({ owner, factors, device, as });
      exchange.requireHeaders("`signInAs` was called");
      const asked = keeper.begin({
        ...checked,
        place: locate(exchange.request),
        current: current.any,
        visitors: visitors?.all ?? [],
        giveUpAfterMs: GIVE_UP_MS,
      });
      const begun = await exchange.ask(asked);
      if (begun.kind === "refused") return { ok: false, refused: begun.code };
      current.replace(begun.signIn);
      exchange.headers.give(as ?? exchange.carrier, begun.token, begun.signIn);
      visitors?.clear(begun.moving);
      return { ok: true };
    });
  }

  signOut(): Promise<boolean> {
    return this.#inTurn(() => this.#signOut());
  }

  revoke(id: string): Promise<boolean> {
    const { keeper, exchange, current } = this.#parts;
    return this.#inTurn(() => {
      const signIn = current.requireOwn();
      exchange.requireMethod();
      // Ends it with all that a sign-out does in this browser.
      if (id === signIn.publicId) return this.#signOut();
      return exchange.ask(keeper.end(signIn.owner, id, "revoked", signIn));
    });
  }

  revokeOthers(): Promise<number> {
    const { keeper, exchange, current } = this.#parts;
    return this.#inTurn(() => {
      const signIn = current.requireOwn();
      exchange.requireMethod();
      return exchange.ask(keeper.endOthers(signIn));
    });
  }

  /** Gives to the owner what the visitor of this request began. False if there is none, or another owner has it. */
  adopt(): Promise<boolean> {
    const { keeper, exchange, current, visitors } = this.#parts;
    return this.#inTurn(async () => {
      const signIn = current.requireOwn();
      exchange.requireMethod();
      const visitor = visitors?.current ?? null;
      if (!visitors || visitor === null) return false;
      const adopted = await exchange.ask(keeper.adopt(signIn, visitors.all));
      if (adopted === null) throw new VisitError("signed_out");
      visitors.clear();
      return adopted.has(visitor);
    });
  }

  async #signOut(): Promise<boolean> {
    const { keeper, exchange, current } = this.#parts;
    const signIn = current.any;
    if (!signIn) return false;
    exchange.requireMethod();
    const ended = await exchange.ask(keeper.end(signIn.owner, signIn.publicId, "signed_out", signIn));
    current.replace(null);
    const clearsSite = exchange.request.headers.get("sign-in-unsent") === "0";
    exchange.headers.take(exchange.carrier, { clearsSite });
    return ended;
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = (this.#last ?? Promise.resolve()).then(change);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
