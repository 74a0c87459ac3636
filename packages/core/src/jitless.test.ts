import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { config } from "zod";

beforeEach(() => vi.resetModules());
afterEach(() => {
  vi.unstubAllGlobals();
  delete config().jitless;
});

test("a page makes no code of schemas, so that a strict content security policy has nothing to report", async () => {
  vi.stubGlobal("document", {});
  await import("./index.ts");
  expect(config().jitless).toBe(true);
});

test("what the application has told zod stands", async () => {
  vi.stubGlobal("document", {});
  config({ jitless: false });
  await import("./index.ts");
  expect(config().jitless).toBe(false);
});

test("a server is left as it is", async () => {
  await import("./index.ts");
  expect(config().jitless).toBeUndefined();
});
