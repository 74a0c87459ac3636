import type { LiveSignIn } from "../../keeper/sign-in-keeper.ts";
import { VisitError } from "./visit-error.ts";

/** The sign-in of one request. It changes when the request signs in or out. */
export class CurrentSignIn {
  #any: LiveSignIn | null;

  constructor(signIn: LiveSignIn | null) {
    this.#any = signIn;
  }

  /** The sign-in of the request's token: the owner's own, or a guest's. */
  get any(): LiveSignIn | null {
    return this.#any;
  }

  /** The owner's own sign-in. A guest has none: code that asks for it takes a guest for nobody. */
  get own(): LiveSignIn | null {
    return this.#any === null || this.#any.guestSession !== null ? null : this.#any;
  }

  /** The owner's own sign-in. @throws {VisitError} `signed_out` */
  requireOwn(): LiveSignIn {
    const { own } = this;
    if (own === null) throw new VisitError("signed_out");
    return own;
  }

  /** Null after a sign-out. */
  replace(signIn: LiveSignIn | null): void {
    this.#any = signIn;
  }
}
