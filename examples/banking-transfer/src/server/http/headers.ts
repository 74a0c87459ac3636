import type { ServerResponse } from "node:http";

/** The security headers of every answer. The page with two devices shows the bank in frames, so its own pages may frame it. */
const headers = {
  "content-security-policy":
    "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

export function setSecurityHeaders(res: ServerResponse): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
}

/** Keeps an answer out of all caches. The streams of tRPC set `no-cache`, which lets a cache store the answer. */
export function forbidCaching(res: ServerResponse): void {
  const setHeader = res.setHeader.bind(res);
  setHeader("cache-control", NO_STORE);
  res.setHeader = (name, value) => setHeader(name, name.toLowerCase() === "cache-control" ? NO_STORE : value);
}

// A proxy that compresses a stream delays it.
const NO_STORE = "no-store, no-transform";
