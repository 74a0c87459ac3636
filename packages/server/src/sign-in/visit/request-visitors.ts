import type { VisitRequest } from "../request/request-head.ts";
import {
  createVisitorSecret,
  presentedVisitors,
  visitorOf,
  type PresentedVisitors,
} from "../request/visitor-secret.ts";
import type { VisitHeaders } from "./exchange/visit-headers.ts";

/** The visitors of one request: those whose secrets it shows, and one that the answer hands out. */
export class RequestVisitors {
  readonly #headers: VisitHeaders;
  #presented: PresentedVisitors;
  /** A secret that nobody has yet. */
  #prepared: string | undefined;

  constructor(request: VisitRequest, headers: VisitHeaders) {
    this.#headers = headers;
    this.#presented = presentedVisitors(request);
  }

  /** The one that acts; null if there is none. The page's own comes first. */
  get current(): string | null {
    return this.#presented.byHeader ?? this.#presented.byCookie ?? null;
  }

  get all(): readonly string[] {
    const { byHeader, byCookie } = this.#presented;
    return [...new Set([byHeader, byCookie])].filter((visitor) => visitor !== undefined);
  }

  /** The visitor, or a new one, who is handed out by {@link keep}. */
  prepare(): string {
    const { current } = this;
    if (current !== null) return current;
    this.#prepared ??= createVisitorSecret();
    return visitorOf(this.#prepared)!;
  }

  /** Makes a visitor if there is none, and hands out the secret. */
  keep(): string {
    const visitor = this.prepare();
    if (this.current === null) {
      this.#headers.giveVisitor(this.#prepared!);
      this.#presented = { byHeader: undefined, byCookie: visitor };
    }
    return visitor;
  }

  /** Some owner has them now: the browser needs its cookie no more, unless its visitor is one of `moving`. */
  clear(moving: readonly string[] = []): void {
    const { byCookie } = this.#presented;
    const isMoving = byCookie !== undefined && moving.includes(byCookie);
    if (byCookie !== undefined && !isMoving) this.#headers.giveVisitor(null);
    this.#presented = { byHeader: undefined, byCookie: isMoving ? byCookie : undefined };
  }
}
