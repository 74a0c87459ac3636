import { expect, test } from "vitest";
import { originOf } from "./origin.ts";

test.each<readonly [origin: string | null, host: string | null, forwarded: string | null, trustProxy: boolean]>([
  ["http://bank.example", "bank.example", null, false],
  ["http://bank.example", "bank.example", "https", false],
  ["https://bank.example", "bank.example", "https", true],
  ["https://bank.example", "bank.example", "HTTPS, http", true],
  ["http://bank.example", "bank.example", "ftp", true],
  ["http://bank.example", "bank.example", "", true],
  ["http://bank.example:3000", "Bank.example:3000", null, false],
  ["http://[::1]", "[::1]:80", null, false],
  [null, null, null, false],
  [null, "", null, false],
  [null, "bank.example/path", null, false],
  [null, "ada@bank.example", null, false],
  [null, "bank.example?x", null, false],
  [null, "bank example", null, false],
])("the origin is %s for host %s, X-Forwarded-Proto %s, believed: %s", (origin, host, forwarded, trustProxy) => {
  const headers = new Headers(forwarded === null ? {} : { "x-forwarded-proto": forwarded });
  expect(originOf(headers, { host, scheme: "http", trustProxy })).toBe(origin);
});
