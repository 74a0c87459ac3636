import type { IncomingMessage, ServerResponse } from "node:http";
import onHeaders from "on-headers";
import type { ResponseHead, VisitHeaders } from "../visit/visit-headers.ts";
import { refusalOf, type VisitError } from "../visit/visit-error.ts";
import { cookieNameOf } from "../request/cookies.ts";
import { isLoopback } from "../request/local-request.ts";
import type { RequestHeaders, VisitRequest } from "../request/request-head.ts";
import { originOf, type RequestOptions } from "./origin.ts";

/** A request of node:http, node:https, or node:http2 through its compatible API. */
export function nodeRequest(req: IncomingMessage, { trustProxy, cookieName }: RequestOptions): VisitRequest {
  const headers: RequestHeaders = { get: (name) => valueOf(req.headers[name.toLowerCase()]) };
  const isEncrypted = "encrypted" in req.socket && req.socket.encrypted === true;
  const origin = originOf(headers, {
    host: headers.get("host") ?? headers.get(":authority"),
    scheme: isEncrypted ? "https" : "http",
    trustProxy,
  });
  // No browser speaks HTTP/1.0, and some proxies do. A Unix socket has no address.
  const isDirect = isLoopback(req.socket.remoteAddress ?? "") && req.httpVersion !== "1.0";
  return {
    method: req.method ?? "GET",
    origin,
    headers,
    cookieName: cookieNameOf({ headers, origin }, { cookieName, isDirect }),
  };
}

/** Adds the visit's headers when the answer's own headers leave, so that nothing that is set later overwrites them. */
export function addOnSend(res: ServerResponse, visitHeaders: VisitHeaders): void {
  if (res.headersSent) visitHeaders.miss();
  else onHeaders(res, () => visitHeaders.addTo(responseHeadOf(res)));
}

/** Answers a request that no visit came of. */
export function refuse(res: ServerResponse, error: VisitError): void {
  if (res.headersSent) return;
  const { status, headers, body } = refusalOf(error);
  res.writeHead(status, headers).end(body);
}

function responseHeadOf(res: ServerResponse): ResponseHead {
  return {
    status: res.statusCode,
    get: (name) => valueOf(res.getHeader(name)),
    set: (name, value) => void res.setHeader(name, value),
    append: (name, value) => {
      const before = res.getHeader(name);
      res.setHeader(name, before === undefined ? value : [...[before].flat().map(String), value]);
    },
  };
}

function valueOf(value: number | string | readonly string[] | undefined): string | null {
  if (value === undefined) return null;
  return typeof value === "object" ? value.join(", ") : String(value);
}
