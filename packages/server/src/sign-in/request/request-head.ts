/** The part of a request that tells where it comes from. */
export interface RequestHead {
  readonly method: string;
  /** The request's own origin, such as "https://bank.example". Null if the request names no host. */
  readonly origin: string | null;
  readonly headers: RequestHeaders;
}

/** Headers, read as `Headers` are: in upper or lower case, and null for none. */
export interface RequestHeaders {
  get(name: string): string | null;
}

/** A request, and the name of the cookie in which its browser keeps the token. */
export interface VisitRequest extends RequestHead {
  readonly cookieName: string;
  /** The address from which it came; null if the host does not tell it. */
  readonly address: string | null;
  /** Without the query. */
  readonly path: string;
}
