import { SessionsError } from "@sessions/core/internal";
import { isFresh } from "../assurance.ts";
import { storedKey, type RequestKey } from "../hand-off/request-key.ts";
import type {
  FoundTarget,
  HandOffTarget,
  HandOffKeeper,
  OfferedLetters,
  ShownRequest,
  AskedRequest,
} from "../keeper/hand-offs/hand-off-keeper.ts";
import { deviceLabel } from "../request/device-label.ts";
import type { RequestHead } from "../request/request-head.ts";
import type { CurrentSignIn } from "./exchange/current-sign-in.ts";
import type { Exchange } from "./exchange/exchange.ts";

export interface HandOffParts {
  readonly keeper: HandOffKeeper;
  readonly now: () => number;
  /** How old the proof of an owner who approves may be, in milliseconds. */
  readonly freshMs: number;
  readonly locate: (request: RequestHead) => string | null;
  readonly exchange: Exchange;
  readonly current: CurrentSignIn;
}

export type Asked = AskedRequest | { readonly kind: "too_many" } | { readonly kind: "signed_in" };

/** The owner must prove again who they are. */
export interface SignInAgain {
  readonly kind: "sign_in_again";
  /** How old the proof may be, in milliseconds. */
  readonly freshMs: number;
}

export type Claimed =
  | { readonly kind: "waiting"; readonly endsMs: number }
  | { readonly kind: "gone" }
  | { readonly kind: "begun"; readonly owner: string; readonly handed: HandOffTarget };

/** The hand-offs of one request. Each changes something, or shows something to the owner alone: none may be asked by GET. */
export class VisitHandOffs {
  readonly #parts: HandOffParts;

  constructor(parts: HandOffParts) {
    this.#parts = parts;
  }

  offer(handed: HandOffTarget): Promise<OfferedLetters> {
    const { keeper, current, exchange } = this.#parts;
    return exchange.ask(keeper.offer(current.requireOwn().owner, handed));
  }

  find(letters: string): Promise<FoundTarget> {
    const { keeper, current, exchange } = this.#parts;
    return exchange.ask(keeper.find(current.requireOwn().owner, letters, exchange.request.address));
  }

  async ask(publicKey: RequestKey): Promise<Asked> {
    const { keeper, locate, current, exchange } = this.#parts;
    const { request } = exchange;
    if (current.own !== null) return { kind: "signed_in" };
    const stored = storedKey(publicKey);
    if (stored === null) throw new SessionsError("context_invalid", "`publicKey` is no point of the curve P-256.");
    const device = deviceLabel(request.headers);
    return exchange.ask(keeper.ask({ publicKey: stored, device, place: locate(request), address: request.address }));
  }

  async look(code: string): Promise<ShownRequest | SignInAgain | null> {
    const { keeper, exchange } = this.#parts;
    return this.#again() ?? (await exchange.ask(keeper.look(code)));
  }

  async approve(given: {
    readonly code: string;
    readonly number: number;
    readonly handed: HandOffTarget;
  }): Promise<{ readonly kind: "approved" | "wrong_number" | "gone" } | SignInAgain> {
    const { keeper, current, exchange } = this.#parts;
    return this.#again() ?? { kind: await exchange.ask(keeper.approve(current.requireOwn(), given)) };
  }

  decline(code: string): Promise<boolean> {
    const { keeper, current, exchange } = this.#parts;
    current.requireOwn();
    return exchange.ask(keeper.decline(code));
  }

  async claim(id: string, signature: string): Promise<Claimed> {
    const { keeper, current, exchange } = this.#parts;
    // An owner who has signed in here meanwhile needs no guest.
    if (current.own !== null) return { kind: "gone" };
    exchange.requireHeaders("A hand-off was claimed");
    const claimed = await exchange.ask(keeper.claim(id, signature, current.any));
    if (claimed.kind !== "begun") return claimed;
    current.replace(claimed.signIn);
    exchange.headers.give(exchange.carrier, claimed.token, claimed.signIn);
    return { kind: "begun", owner: claimed.signIn.owner, handed: claimed.handed };
  }

  #again(): SignInAgain | null {
    const { freshMs, current, now } = this.#parts;
    return isFresh(current.requireOwn().provedMs, freshMs, now()) ? null : { kind: "sign_in_again", freshMs };
  }
}
