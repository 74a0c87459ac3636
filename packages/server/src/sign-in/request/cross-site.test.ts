import { expect, test } from "vitest";
import { isCrossSite } from "./cross-site.ts";
import { presentedToken } from "./presented-token.ts";
import type { VisitRequest } from "./request-head.ts";

const own = "https://bank.example";
const cookieName = "__Host-sign-in";
const token = `QWRh.${"A".repeat(22)}.0.${"A".repeat(11)}.${"A".repeat(43)}`;

const sites = ["same-origin", "none", "same-site", "cross-site", "Same-Origin", "same-origin, same-origin", "", null];
const origins = [own, "https://app.bank.example", "https://evil.example", "http://bank.example", "null", "", null];
const credentials = ["cookie", "another cookie", "bearer", "bearer and cookie", "none"] as const;

function headersOf(site: string | null, origin: string | null, credential: (typeof credentials)[number]) {
  const headers = new Map<string, string>();
  if (site !== null) headers.set("sec-fetch-site", site);
  if (origin !== null) headers.set("origin", origin);
  if (credential.includes("cookie"))
    headers.set("cookie", credential === "another cookie" ? "a=b" : `__Host-sign-in=${token}`);
  if (credential.includes("bearer")) headers.set("authorization", `Bearer ${token}`);
  return { get: (name: string) => headers.get(name) ?? null };
}

const cases = sites.flatMap((site) =>
  origins.flatMap((origin) => credentials.map((credential) => [site, origin, credential] as const)),
);

/** What the table in the docstring says, row by row. */
function isRefused(site: string | null, origin: string | null, credential: string): boolean {
  if (credential.startsWith("bearer")) return false;
  if (origin === "https://app.bank.example") return false;
  if (site !== null) return !["same-origin", "none"].includes(site);
  if (origin !== null) return origin !== own;
  return credential !== "none";
}

test("each request that changes something is judged by the listed origins, then Sec-Fetch-Site, then Origin, then its cookies", () => {
  for (const [site, origin, credential] of cases) {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "post", "CONNECT", "TRACE", "PROPFIND"]) {
      const request = { method, origin: own, cookieName, address: null, headers: headersOf(site, origin, credential) };
      const name = JSON.stringify({ method, site, origin, credential });
      expect(isCrossSite(request, presentedToken(request), ["https://app.bank.example"]), name).toBe(
        isRefused(site, origin, credential),
      );
    }
  }
});

test("a request that changes nothing may come from any site", () => {
  for (const [site, origin, credential] of cases) {
    for (const method of ["GET", "HEAD", "OPTIONS", "get"]) {
      const request = { method, origin: own, cookieName, address: null, headers: headersOf(site, origin, credential) };
      expect(isCrossSite(request, presentedToken(request))).toBe(false);
    }
  }
});

test("a page over https is this host's own behind a proxy that speaks http, and a page over http is not", () => {
  const request = (origin: string, from: string | null) => ({
    method: "POST",
    origin: from,
    address: null,
    cookieName,
    path: "/",
    headers: headersOf(null, origin, "cookie"),
  });
  const isFromElsewhere = (from: VisitRequest) => isCrossSite(from, presentedToken(from));
  expect(isFromElsewhere(request(own, "http://bank.example"))).toBe(false);
  expect(isFromElsewhere(request("http://bank.example", own))).toBe(true);
  expect(isFromElsewhere(request(`${own}:8443`, own))).toBe(true);
  expect(isFromElsewhere(request(own, null))).toBe(true);
});
