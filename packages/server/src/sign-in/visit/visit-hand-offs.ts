import { SessionsError } from "@sessions/core/internal";
import { isFresh } from "../assurance.ts";
import { storedKey, type AskingKey } from "../hand-off/asking-key.ts";
import type {
  HandedPlace,
  HandOffKeeper,
  OfferedLetters,
  SeenRequest,
  AskedRequest,
} from "../keeper/hand-offs/hand-off-keeper.ts";
import type { LiveSignIn, Token } from "../keeper/sign-in-keeper.ts";

/** What the hand-offs of one request take from its visit. */
export interface HandOffVisit {
  readonly keeper: HandOffKeeper;
  readonly now: () => number;
  /** How old the proof of an owner who approves may be, in milliseconds. */
  readonly freshMs: number;
  readonly device: string;
  readonly place: string | null;
  readonly address: string | null;
  /** The owner's own sign-in; null if nobody is signed in. */
  readonly own: () => LiveSignIn | null;
  /** The same. @throws {VisitError} `signed_out` */
  readonly required: () => LiveSignIn;
  /** What the browser presented: a guest's too. */
  readonly held: () => LiveSignIn | null;
  /** Throws if the answer can hand out no token. */
  readonly requireHeaders: () => void;
  readonly letIn: (signIn: LiveSignIn, token: Token) => void;
  readonly ask: <T>(asked: Promise<T>) => Promise<T>;
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
  | { readonly kind: "begun"; readonly owner: string; readonly handed: HandedPlace };

/** The hand-offs of one request. Each changes something, or shows something to the owner alone: none may be asked by GET. */
export class VisitHandOffs {
  readonly #visit: HandOffVisit;

  constructor(visit: HandOffVisit) {
    this.#visit = visit;
  }

  offer(handed: HandedPlace): Promise<OfferedLetters> {
    const { keeper, required, ask } = this.#visit;
    return ask(keeper.offer(required().owner, handed));
  }

  find(letters: string): Promise<HandedPlace | null> {
    const { keeper, required, ask } = this.#visit;
    return ask(keeper.find(required().owner, letters));
  }

  async ask(publicKey: AskingKey): Promise<Asked> {
    const { keeper, own, device, place, address, ask } = this.#visit;
    if (own() !== null) return { kind: "signed_in" };
    const stored = storedKey(publicKey);
    if (stored === null) throw new SessionsError("context_invalid", "`publicKey` is no point of the curve P-256.");
    return ask(keeper.ask({ publicKey: stored, device, place, address }));
  }

  async look(code: string): Promise<SeenRequest | SignInAgain | null> {
    const { keeper, ask } = this.#visit;
    return this.#again() ?? (await ask(keeper.look(code)));
  }

  async approve(given: {
    readonly code: string;
    readonly number: number;
    readonly handed: HandedPlace;
  }): Promise<{ readonly kind: "approved" | "wrong_number" | "gone" } | SignInAgain> {
    const { keeper, required, ask } = this.#visit;
    return this.#again() ?? { kind: await ask(keeper.approve(required(), given)) };
  }

  decline(code: string): Promise<boolean> {
    const { keeper, required, ask } = this.#visit;
    required();
    return ask(keeper.decline(code));
  }

  async claim(id: string, signature: string): Promise<Claimed> {
    const { keeper, own, held, requireHeaders, letIn, ask } = this.#visit;
    // An owner who has signed in here meanwhile needs no guest.
    if (own() !== null) return { kind: "gone" };
    requireHeaders();
    const claimed = await ask(keeper.claim(id, signature, held()));
    if (claimed.kind !== "begun") return claimed;
    letIn(claimed.signIn, claimed.token);
    return { kind: "begun", owner: claimed.signIn.owner, handed: claimed.handed };
  }

  #again(): SignInAgain | null {
    const { freshMs, required, now } = this.#visit;
    return isFresh(required().provedMs, freshMs, now()) ? null : { kind: "sign_in_again", freshMs };
  }
}
