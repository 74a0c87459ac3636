import { expect, test } from "vitest";
import type { LiveSignIn } from "../../keeper/sign-in-keeper.ts";
import type { Token } from "../../token/token.ts";
import { createTokenWriter } from "./token-writer.ts";
import type { ResponseHead } from "./visit-headers.ts";

const DAY_MS = 86_400_000;
const provedMs = Date.UTC(2026, 5, 1);
const token: Token = { owner: "ada", id: "id", generation: 3, branch: "branch", secret: new Uint8Array(32) };

/** The Max-Age of the cookie that an answer sets so long after the proof, in milliseconds. */
function maxAgeMs(afterMs: number): number {
  let cookie = "";
  const headers: ResponseHead = { status: 200, get: () => null, set() {}, append: (_, value) => (cookie = value) };
  const request = { cookieName: "__Host-sign-in" };
  const now = () => provedMs + afterMs;
  const write = createTokenWriter({ absoluteMs: 30 * DAY_MS, sealing: undefined, bindingPath: undefined, now });
  write(request, headers, { carrier: "cookie", token, signIn: { provedMs } as LiveSignIn, isHeld: false });
  return Number(/Max-Age=(\d+)/.exec(cookie)?.[1]) * 1_000;
}

test.each([0, 1, 12.5, 29.999])(
  "a cookie that is set %d days after the proof goes a minute after the deadline",
  (days) => {
    expect(days * DAY_MS + maxAgeMs(days * DAY_MS)).toBeCloseTo(30 * DAY_MS + 60_000, -4);
  },
);

test("S16: a cookie that a node with a late or early clock sets is not deleted at once", () => {
  expect(maxAgeMs(30 * DAY_MS + 30_000)).toBe(30_000);
  expect(maxAgeMs(31 * DAY_MS)).toBe(1_000);
});
