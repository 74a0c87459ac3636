import type { ServerResponse } from "node:http";

/** What a browser may do with any answer of the bank. Its own pages may frame it: side by side does. */
const headers = {
  "content-security-policy":
    "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

export function protect(res: ServerResponse): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
}

/** Keeps an answer out of every cache. tRPC's streams would set `no-cache`, which lets one keep it. */
export function keptNowhere(res: ServerResponse): void {
  const setHeader = res.setHeader.bind(res);
  setHeader("cache-control", KEPT_NOWHERE);
  res.setHeader = (name, value) => setHeader(name, name.toLowerCase() === "cache-control" ? KEPT_NOWHERE : value);
}

// A proxy that compressed a stream would hold it back.
const KEPT_NOWHERE = "no-store, no-transform";
