import type { HandOffTarget } from "../../rows/hand-offs/requests.ts";
import type { Token } from "../../token/token.ts";
import type { LiveSignIn } from "../live-sign-in.ts";

export type { HandOffTarget };

/** The letters to type on another device of the same owner. */
export interface OfferedLetters {
  readonly letters: string;
  readonly endsMs: number;
}

export type FoundTarget =
  | { readonly kind: "found"; readonly handed: HandOffTarget }
  /** No live letters of this owner. Those of another owner do not exist. */
  | { readonly kind: "none" }
  /** So many wrong letters were typed today, by the owner or from the address, that right ones are not looked for. */
  | { readonly kind: "too_many" };

export interface NewRequest {
  /** The public key of the asking browser, as {@link storedKey} gives it. */
  readonly publicKey: string;
  readonly device: string;
  readonly place: string | null;
  /** The address that asks; null if the host does not tell it. */
  readonly address: string | null;
}

/** What the asking browser is told. Its screen shows the code and the number. */
export interface AskedRequest {
  readonly kind: "asked";
  readonly id: string;
  readonly code: string;
  /** What the browser signs to claim. Its screen does not show it. */
  readonly challenge: string;
  readonly number: number;
  readonly endsMs: number;
}

/** What an owner sees of a request. */
export interface ShownRequest {
  readonly device: string;
  readonly place: string | null;
  readonly askedMs: number;
  readonly endsMs: number;
  /** Among them is the number that the asking screen shows. */
  readonly choices: readonly number[];
}

export type ClaimResult =
  /** Nobody has approved it yet, or another claim of the same browser is under way. */
  | { readonly kind: "waiting"; readonly endsMs: number }
  /** Unknown, expired, declined, answered wrongly, ended, or another browser's. They look the same. */
  | { readonly kind: "gone" }
  | { readonly kind: "begun"; readonly signIn: LiveSignIn; readonly token: Token; readonly handed: HandOffTarget };

/** Keeps hand-offs. A code alone opens nothing. */
export interface HandOffKeeper {
  /** Letters for another device of the same owner. */
  offer(owner: string, handed: HandOffTarget): Promise<OfferedLetters>;

  /** What these letters hand over. `address` is where they were typed; null if the host does not tell it. */
  find(owner: string, typed: string, address: string | null): Promise<FoundTarget>;

  /** Notes that a browser asks, on which nobody is signed in. */
  ask(request: NewRequest): Promise<AskedRequest | { readonly kind: "too_many" }>;

  /** What an owner sees of a request that nobody has answered. Null for any other. */
  look(code: string): Promise<ShownRequest | null>;

  /** Approves a request, once. A wrong number ends it. A repeat from the same sign-in is approved again. */
  approve(
    signIn: LiveSignIn,
    answer: { readonly code: string; readonly number: number; readonly handed: HandOffTarget },
  ): Promise<"approved" | "wrong_number" | "gone">;

  /** Ends a request that nobody has approved. False if there is no such one. */
  decline(code: string): Promise<boolean>;

  /**
   * Lets the browser in that asked, as a guest, once its request is approved. A repeat gives the same browser a new token:
   * the reply before may be lost. `current` is what the browser presents, which ends.
   */
  claim(id: string, signature: string, current: LiveSignIn | null): Promise<ClaimResult>;
}
