import { expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import { newerFeatures } from "./newer-features.ts";

/** Newer features that the packages name, and why an older browser without them does no harm. */
const harmless: Record<string, string> = {
  ".asyncDispose": "tRPC makes it where it is not there",
  ".canParse": "zod asks whether it is there",
  ".captureStackTrace": "zod asks whether it is there",
  ".databases": "docs/operating/platforms.md says what is done without it",
  ".dispose": "tRPC makes it where it is not there",
  ".stackTraceLimit": "a browser that does not know it does not look at it",
  ".suppressed": "tRPC writes it as well",
  ".userAgentData": "a device is named from `userAgent` then",
  ".when": "an option of zod's",
  SuppressedError: "tRPC asks whether it is there",
};

test("what a page loads names nothing that the oldest browsers lack", async () => {
  const found = newerFeatures(await bundle("page.ts", "browser"));
  expect(found).toEqual(Object.keys(harmless).toSorted());
});

test.each([
  ["Promise.withResolvers()", ".withResolvers"],
  ["text.isWellFormed()", ".isWellFormed"],
  ["list.toSorted()", ".toSorted"],
  ["Object.groupBy(list, of)", ".groupBy"],
  ["AbortSignal.any([one, other])", ".any"],
  ["document.startViewTransition()", ".startViewTransition"],
  ["new URLPattern({ pathname })", "URLPattern"],
  ["navigator.locks.request(name, run).checkVisibility()", ".checkVisibility"],
])("%s is noticed", (code, name) => {
  expect(newerFeatures(code)).toContain(name);
});

test("what they all have is not", () => {
  const code = "list.at(-1); Object.hasOwn(a, b); structuredClone(a); signal.throwIfAborted(); crypto.randomUUID()";
  expect(newerFeatures(code)).toEqual([]);
});
