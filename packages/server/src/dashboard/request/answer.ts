import type { Html } from "../html/html.ts";

/** No script runs, no other site frames the page, and nothing of it is kept or told to another site. */
const headers = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "x-robots-tag": "noindex",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

export function pageAnswer(page: Html, status = 200): Response {
  return answer(page.text, status, "text/html; charset=utf-8");
}

export function styleAnswer(style: string): Response {
  return answer(style, 200, "text/css; charset=utf-8");
}

/** For somebody who may not know that a dashboard is here. */
export function textAnswer(status: number, sentence: string, more: Readonly<Record<string, string>> = {}): Response {
  return answer(`${sentence}\n`, status, "text/plain; charset=utf-8", more);
}

/** Sends the browser to another address of the dashboard, by GET. */
export function goTo(address: string): Response {
  return new Response(null, { status: 303, headers: { ...headers, location: address } });
}

function answer(body: string, status: number, type: string, more: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, { status, headers: { ...headers, "content-type": type, ...more } });
}
