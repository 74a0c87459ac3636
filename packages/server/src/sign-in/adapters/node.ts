import type { IncomingMessage, ServerResponse } from "node:http";
import onHeaders from "on-headers";
import type { EndpointAnswer } from "../visit/binding-endpoint.ts";
import type { ResponseHead, VisitHeaders } from "../visit/exchange/visit-headers.ts";
import { refusalOf, VisitError } from "../visit/exchange/visit-error.ts";
import { cookieNameOf } from "../request/cookies.ts";
import { isLoopback } from "../request/local-request.ts";
import type { RequestHeaders, VisitRequest } from "../request/request-head.ts";
import { forwardedAddress, originOf, type RequestOptions } from "./origin.ts";

/**
 * A request of node:http, node:https, or node:http2 through its compatible API. It reads what it is asked for: the origin
 * and the connection of a request from a browser with the prefixed cookie are needed only for a change.
 */
export class NodeRequest implements VisitRequest {
  readonly #req: IncomingMessage;
  readonly #options: RequestOptions;
  #origin: string | null | undefined;
  #cookieName: string | undefined;

  constructor(req: IncomingMessage, options: RequestOptions) {
    this.#req = req;
    this.#options = options;
  }

  get method(): string {
    return this.#req.method ?? "GET";
  }

  get headers(): RequestHeaders {
    return this;
  }

  /** The headers' own reader. */
  get(name: string): string | null {
    return valueOf(this.#req.headers[name.toLowerCase()]);
  }

  get origin(): string | null {
    if (this.#origin === undefined) {
      const { socket } = this.#req;
      this.#origin = originOf(this, {
        host: this.get("host") ?? this.get(":authority"),
        scheme: "encrypted" in socket && socket.encrypted === true ? "https" : "http",
        trustProxy: this.#options.trustProxy,
      });
    }
    return this.#origin;
  }

  get cookieName(): string {
    const { cookieName } = this.#options;
    return (this.#cookieName ??= cookieNameOf(this, { cookieName, isDirect: () => this.#isDirect() }));
  }

  get address(): string | null {
    const forwarded = this.#options.trustProxy ? forwardedAddress(this) : null;
    return forwarded ?? this.#req.socket.remoteAddress ?? null;
  }

  /** Express cuts the address where it mounts. */
  get path(): string {
    const { originalUrl, url = "/" } = this.#req as IncomingMessage & { readonly originalUrl?: string };
    return (originalUrl ?? url).split("?", 1)[0]!;
  }

  /** No browser speaks HTTP/1.0, and some proxies do. A Unix socket has no address. */
  #isDirect(): boolean {
    return isLoopback(this.#req.socket.remoteAddress ?? "") && this.#req.httpVersion !== "1.0";
  }
}

/** Adds the visit's headers when the answer's own headers leave, so that nothing that is set later overwrites them. */
export function addOnSend(res: ServerResponse, visitHeaders: VisitHeaders): void {
  if (res.headersSent) visitHeaders.miss();
  else onHeaders(res, () => visitHeaders.addTo(new NodeResponseHead(res)));
}

/** Answers a request of a browser itself. */
export function sendAnswer(res: ServerResponse, { status, headers, body }: EndpointAnswer): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.statusCode = status;
  res.end(body);
}

/** Answers a refused request. False if the error refuses none, or the answer has begun. */
export function refuse(res: ServerResponse, error: unknown): boolean {
  if (!(error instanceof VisitError) || res.headersSent) return false;
  const { status, headers, body } = refusalOf(error);
  res.writeHead(status, headers).end(body);
  return true;
}

class NodeResponseHead implements ResponseHead {
  readonly #res: ServerResponse;

  constructor(res: ServerResponse) {
    this.#res = res;
  }

  get status(): number {
    return this.#res.statusCode;
  }

  get(name: string): string | null {
    return valueOf(this.#res.getHeader(name));
  }

  set(name: string, value: string): void {
    this.#res.setHeader(name, value);
  }

  append(name: string, value: string): void {
    const before = this.#res.getHeader(name);
    this.#res.setHeader(name, before === undefined ? value : [...[before].flat().map(String), value]);
  }
}

function valueOf(value: number | string | readonly string[] | undefined): string | null {
  if (value === undefined) return null;
  return typeof value === "object" ? value.join(", ") : String(value);
}
