import { timingSafeEqual } from "node:crypto";
import { SessionsError } from "@sessions/core/internal";
import type { LiveSignIn } from "../../keeper/sign-in-keeper.ts";
import { isReadOnlyMethod } from "../../request/cross-site.ts";
import type { PresentedToken } from "../../request/presented-token.ts";
import type { VisitRequest } from "../../request/request-head.ts";
import { withAnswerLimit } from "./answer-limit.ts";
import { VisitError } from "./visit-error.ts";
import type { TokenCarrier, VisitHeaders } from "./visit-headers.ts";

/** One request and its answer. */
export class Exchange {
  readonly request: VisitRequest;
  readonly headers: VisitHeaders;
  readonly presented: PresentedToken | undefined;
  readonly #report: (fault: SessionsError) => void;

  constructor(
    request: VisitRequest,
    headers: VisitHeaders,
    presented: PresentedToken | undefined,
    report: (fault: SessionsError) => void,
  ) {
    this.request = request;
    this.headers = headers;
    this.presented = presented;
    this.#report = report;
  }

  /** The way in which the answer hands a token over: that of the request. */
  get carrier(): TokenCarrier {
    return this.presented?.carrier ?? "cookie";
  }

  /**
   * Requires a method that changes something: a cookie comes with a GET request of any site, a link for example.
   *
   * @throws {VisitError} `method_not_allowed`
   */
  requireMethod(): void {
    if (this.presented?.carrier !== "bearer" && isReadOnlyMethod(this.request))
      throw new VisitError("method_not_allowed");
  }

  /** Requires that a change by cookie comes from a page that has read this sign-in's value. @throws {VisitError} */
  requireCsrf(signIn: LiveSignIn | null): void {
    if (this.presented?.carrier !== "cookie" || !signIn) return;
    const sent = Buffer.from(this.request.headers.get("sign-in-csrf") ?? "");
    const right = Buffer.from(signIn.csrf);
    if (sent.length !== right.length || !timingSafeEqual(sent, right)) throw new VisitError("csrf_mismatch");
  }

  /** Requires an answer whose headers can still hand something over. `what` was done too late. */
  requireHeaders(what: string): void {
    if (!this.headers.hasLeft) return;
    const how = "Sign in before the answer begins, and not in a streamed batch.";
    throw new SessionsError("configuration_invalid", `${what} after the answer's headers had left. ${how}`);
  }

  /** The keeper's answer, within the time that a request waits. @throws {VisitError} `unavailable` */
  async ask<T>(asked: Promise<T>): Promise<T> {
    try {
      return await withAnswerLimit(asked, this.#report);
    } catch (error) {
      if (error instanceof VisitError && error.reason === "unavailable") this.headers.markAway();
      throw error;
    }
  }
}
