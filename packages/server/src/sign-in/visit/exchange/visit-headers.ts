import type { LiveSignIn } from "../../keeper/sign-in-keeper.ts";
import type { VisitRequest } from "../../request/request-head.ts";
import type { Token } from "../../token/token.ts";
import { writeVisitor } from "./visitor-writer.ts";

/** The head of an answer that is about to leave. */
export interface ResponseHead {
  readonly status: number;
  get(name: string): string | null;
  set(name: string, value: string): void;
  append(name: string, value: string): void;
}

/** How a token comes and goes. */
export type TokenCarrier = "cookie" | "bearer";

/** What an answer hands to a browser or an app. */
export interface TokenDelivery {
  readonly carrier: TokenCarrier;
  /** Null takes the token back. */
  readonly token: Token | null;
  readonly signIn: LiveSignIn | null;
  /** Whether the browser has the token already: then only the sealed copy beside it is new. */
  readonly isHeld: boolean;
}

export type TokenWriter = (
  request: Pick<VisitRequest, "cookieName">,
  headers: ResponseHead,
  delivery: TokenDelivery,
) => void;

/**
 * The headers that a visit adds to its answer. They are written once, at the moment the answer's own headers leave: an
 * answer has at most one Set-Cookie of a sign-in, the last one.
 */
export class VisitHeaders {
  readonly #write: TokenWriter;
  readonly #request: Pick<VisitRequest, "cookieName">;
  #offer: { readonly delivery: TokenDelivery; readonly stands: () => boolean } | undefined;
  #given: TokenDelivery | undefined;
  #visitorSecret: string | null | undefined;
  #clears = false;
  #isPersonal = false;
  #isRead = false;
  #refusal: Readonly<Record<string, string>> = {};
  #isAway = false;
  #hasLeft = false;

  constructor(write: TokenWriter, request: Pick<VisitRequest, "cookieName">) {
    this.#write = write;
    this.#request = request;
  }

  /** Whether the headers are gone: then nothing can be added to them. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Hands out the next token, if `stands` still says so when the answer leaves. */
  offer(delivery: TokenDelivery, stands: () => boolean): void {
    this.#offer = { delivery, stands };
  }

  /** Hands out no next token: the sign-in has ended. */
  withhold(): void {
    this.#offer = undefined;
  }

  /** Hands out the token of a new sign-in or proof. It exists already. */
  give(carrier: TokenCarrier, token: Token, signIn: LiveSignIn): void {
    this.#given = { carrier, token, signIn, isHeld: false };
  }

  /** Takes the token back after a sign-out. */
  take(carrier: TokenCarrier, { clearsSite }: { readonly clearsSite: boolean }): void {
    this.#given = { carrier, token: null, signIn: null, isHeld: false };
    this.#clears = clearsSite;
  }

  /** Hands out the secret of a visitor, or takes it back if it is null. */
  giveVisitor(secret: string | null): void {
    this.#visitorSecret = secret;
  }

  /** The body is one person's: no cache may keep it. */
  markPersonal(): void {
    this.#isPersonal = true;
  }

  /** The body may be one person's: no cache may keep it, unless the application says how. */
  markRead(): void {
    this.#isRead = true;
  }

  /** No visit came of the request: the answer has the headers of the error. */
  refuse({ headers }: { readonly headers: Readonly<Record<string, string>> }): void {
    this.#refusal = headers;
  }

  /** The database did not answer. A client that is refused for it asks again soon, and gets no cookie meanwhile. */
  markAway(): void {
    this.#isAway = true;
  }

  /** The headers left before the visit was opened. */
  miss(): void {
    this.#hasLeft = true;
  }

  addTo(headers: ResponseHead): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    if (this.#isAway && headers.status === 503 && headers.get("retry-after") === null) headers.set("retry-after", "2");
    const sent = this.#given ?? this.#standingOffer();
    if (sent) this.#write(this.#request, headers, sent);
    if (this.#visitorSecret !== undefined) writeVisitor(this.#request, headers, this.#visitorSecret);
    if (sent || this.#visitorSecret !== undefined || this.#isPersonal) forbidStoring(headers);
    else if (this.#isRead && headers.get("cache-control") === null) forbidStoring(headers);
    for (const [name, value] of Object.entries(this.#refusal)) headers.set(name, value);
    // Not "cookies": they are those of all applications below the site's domain.
    if (this.#clears) headers.set("clear-site-data", '"cache", "storage"');
  }

  #standingOffer(): TokenDelivery | undefined {
    return !this.#isAway && this.#offer?.stands() ? this.#offer.delivery : undefined;
  }
}

function forbidStoring(headers: ResponseHead): void {
  // A proxy that compressed a stream would hold it back.
  const isStream = /\bno-transform\b/i.test(headers.get("cache-control") ?? "");
  headers.set("cache-control", isStream ? "no-store, no-transform" : "no-store");
}
