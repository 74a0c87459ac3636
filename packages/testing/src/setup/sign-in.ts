import { isVisitor, type Proof } from "@sessions/core/internal";
import type { Sender } from "../sessions/push.ts";

/** Who signs in, and what is known of their proof. Each part has a default. */
export interface SignInOptions extends Proof {
  /** Default: the owner that the page's client names. */
  readonly owner?: string | undefined;
  /** The session that the owner has handed over: a guest of it makes the requests, not the owner. */
  readonly guest?: { readonly session: string } | undefined;
}

/** Who is signed in at the page. */
export class SignIn {
  readonly #now: () => number;
  #signedIn: SignInOptions | null = null;

  constructor(now: () => number, options: SignInOptions) {
    this.#now = now;
    this.begin(options);
  }

  begin(options: SignInOptions): void {
    this.#signedIn = { level: "aal3", provedAt: this.#now(), ...options };
  }

  end(): void {
    this.#signedIn = null;
  }

  /** The owner that was named at the sign-in. */
  get owner(): string | undefined {
    return this.#signedIn?.owner;
  }

  /** Who makes a request of a client that names the owner it expects. Undefined for nobody. */
  senderOf(expected: string | undefined): Sender | undefined {
    if (this.#signedIn === null) return undefined;
    const owner = this.#signedIn.owner ?? expected ?? DEFAULT_OWNER;
    // A visitor has proved nothing.
    return { ...this.#signedIn, owner, ...(isVisitor(owner) && { provedAt: null, level: undefined }) };
  }
}

/** The owner of requests that name nobody. */
const DEFAULT_OWNER = "owner";
