import type { DataDefinition } from "@sessions/core/internal";
import { OF_VISITOR, type DataPlace } from "../../keeper/sign-in-keeper.ts";
import type { CurrentSignIn } from "../exchange/current-sign-in.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { VisitError } from "../exchange/visit-error.ts";

/** Whose values the values of a request are. */
interface Holder {
  readonly owner: string;
  /** What stands in the place of a sign-in, for values per sign-in. */
  readonly signIn: string;
}

/** The visitors of the request, as far as values need them. */
interface HoldingVisitors {
  readonly current: string | null;
  prepare(): string;
  keep(): string;
  clear(): void;
}

export interface DataHolderParts {
  readonly current: CurrentSignIn;
  readonly exchange: Pick<Exchange, "requireMethod" | "requireHeaders">;
  /** Undefined if the application has no visitors. */
  readonly visitors: HoldingVisitors | undefined;
}

/** Whose values a request reads and changes: of the person who is signed in, else of the visitor. */
export class DataHolder {
  readonly #parts: DataHolderParts;

  constructor(parts: DataHolderParts) {
    this.#parts = parts;
  }

  /** Whether a person is signed in. Only they have values that wait beside others. */
  get isSignedIn(): boolean {
    return this.#parts.current.own !== null;
  }

  /** Whether somebody without values can have some: a stranger, where visitors are. */
  get isStranger(): boolean {
    return this.#visitors?.current === null;
  }

  /** Null if there is nobody yet. */
  place(key: string, definition: DataDefinition): DataPlace | null {
    const visitor = this.#visitors?.current ?? null;
    const holder = this.#signedIn() ?? (visitor === null ? null : visiting(visitor));
    return holder && placeOf(holder, key, definition);
  }

  /**
   * The place of a change. Of a stranger it is a new visitor's, whom nobody knows before {@link keep}.
   *
   * @throws {VisitError} `signed_out`, or `method_not_allowed`.
   */
  placeToChange(key: string, definition: DataDefinition): DataPlace {
    const { isStranger } = this;
    const visitors = this.#visitors;
    const holder = this.#signedIn() ?? (visitors && visiting(visitors.prepare()));
    if (!holder) throw new VisitError("signed_out");
    this.#parts.exchange.requireMethod();
    if (isStranger) this.#parts.exchange.requireHeaders("`data.change` made a visitor");
    return placeOf(holder, key, definition);
  }

  /** A value of the holder was stored: a new visitor gets the cookie. */
  keep(): void {
    this.#visitors?.keep();
  }

  /** An owner has adopted the visitor, or the sign-in has ended. The browser needs no cookie of that visitor. */
  lose(): VisitError {
    this.#visitors?.clear();
    return new VisitError("signed_out");
  }

  /** A guest is no visitor. */
  get #visitors(): HoldingVisitors | undefined {
    return this.#parts.current.any === null ? this.#parts.visitors : undefined;
  }

  #signedIn(): Holder | null {
    const signIn = this.#parts.current.own;
    return signIn && { owner: signIn.owner, signIn: signIn.publicId };
  }
}

const visiting = (visitor: string): Holder => ({ owner: visitor, signIn: OF_VISITOR });

function placeOf({ owner, signIn }: Holder, key: string, { per }: DataDefinition): DataPlace {
  return { owner, signIn: per === "owner" ? null : signIn, key };
}
