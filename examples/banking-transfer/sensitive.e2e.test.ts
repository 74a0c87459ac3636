import { PGlite } from "@electric-sql/pglite";
import { createSessions, keysFromEnvironment, serve } from "@sessions/server";
import { initTRPC } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { chooseChromium } from "../../scripts/chromium.ts";
import type { Payment } from "./testing/card/page.ts";
import { payment } from "./testing/card/payment.ts";
import { servePage } from "./testing/page-server.ts";

/** The files below a directory that hold a text, in one of the two encodings of a browser's storage. */
async function filesWith(directory: string, text: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const found = await Promise.all(
    paths.map(async (path) => {
      const bytes = await readFile(path);
      return bytes.includes(text) || bytes.includes(Buffer.from(text, "utf16le")) ? [path] : [];
    }),
  );
  return found.flat();
}

test("S11, S23: no file of a browser's profile holds what was typed, submitted or left unanswered in a sensitive step, or what its handler hid", async () => {
  const given: string[] = [];
  const node = createSessions({
    database: new PGlite(),
    identify: () => ({ owner: "ada" }),
    keys: keysFromEnvironment(randomBytes(32).toString("base64url")),
    flows: [
      serve(payment, {
        hidden: { card: z.string() },
        steps: {
          card({ input }) {
            given.push(input.number);
            return { hidden: `SECRET-token of ${input.number}` };
          },
        },
        complete: ({ hidden }) => void given.push(hidden.card),
      }),
    ],
  });
  await node.migrate();
  onTestFinished(() => node.close());
  const t = initTRPC.create();
  const router = t.router({ sessions: node.router });
  const url = await servePage("card", createHTTPHandler({ router, basePath: "/trpc/" }));

  const profile = await mkdtemp(join(tmpdir(), "card-profile-"));
  onTestFinished(() => rm(profile, { recursive: true, force: true, maxRetries: 3 }));
  const context = await chromium.launchPersistentContext(profile, await chooseChromium());
  const page = await context.newPage();
  await page.goto(url);
  const submit = (step: Parameters<Payment["submit"]>[0], input: object) =>
    page.evaluate(([name, fields]) => session.submit(name, fields as never).settled, [step, input] as const);

  expect(await submit("amount", { note: "KEPT-note" })).toMatchObject({ status: "accepted" });
  // The type of the step forbids a draft.
  await page.evaluate((number) => session.draft("card", { number } as never).stored, "SECRET-typed");
  await context.setOffline(true);
  expect(await submit("card", { number: "SECRET-offline" })).toMatchObject({ refusal: { code: "offline" } });
  await context.setOffline(false);
  await page.waitForFunction(() => session.state.sync.state === "saved");
  expect(await submit("card", { number: "SECRET-taken" })).toMatchObject({ status: "accepted" });
  expect(await page.evaluate(() => session.state.data.card)).toBeNull();
  expect(await page.evaluate(() => JSON.stringify(session.state))).not.toContain("SECRET");

  // No request is answered now, and the page closes.
  await page.route("**/trpc/**", () => {});
  await page.evaluate((number) => session.submit("card", { number }).stored, "SECRET-unanswered");
  await page.waitForFunction(() => session.state.confirming === "card");
  await context.close();

  expect(given).toEqual(["SECRET-taken"]);
  expect(await filesWith(profile, "SECRET")).toEqual([]);
  // At least one file was searched.
  expect(await filesWith(profile, "KEPT-note")).not.toEqual([]);
});
