import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright";
import { build, defaultClientConditions } from "vite";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { chooseChromium } from "../../scripts/chromium.ts";
import { runServer } from "./testing/running-server.ts";

const root = fileURLToPath(new URL("tutorial", import.meta.url));
let directory: string;
let browser: Browser;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tutorial-"));
  // Else Vite builds for development.
  vi.stubEnv("NODE_ENV", "production");
  await build({
    root,
    logLevel: "error",
    resolve: { conditions: ["@sessions/source", ...defaultClientConditions] },
    build: { outDir: join(directory, "dist") },
  });
  vi.unstubAllEnvs();
  browser = await chromium.launch(await chooseChromium());
});
afterAll(() => browser?.close());
afterAll(() => rm(directory, { recursive: true, force: true }));

/** The text of the page's last line. */
const status = (page: Page) => page.getByRole("status");
const saved = (page: Page) => expect.poll(() => status(page).textContent(), { timeout: 30_000 }).toBe("saved");
const press = (page: Page, name: string) => page.getByRole("button", { name }).click();

test("what the tutorial makes is one repair on two devices, opens offline, and stops at once", async () => {
  const server = await runServer(join(root, "server.ts"), directory);
  const [phone, laptop] = await Promise.all(
    ["phone", "laptop"].map(async () => {
      const page = await (await browser.newContext()).newPage();
      page.setDefaultTimeout(30_000);
      page.on("pageerror", (error) => expect.unreachable(error.message));
      await page.goto(server.url);
      return page;
    }),
  );

  await press(phone!, "New repair");
  await phone!.getByLabel("Bike").fill("Roadster");
  await press(laptop!, "Go on: Roadster");
  await laptop!.getByLabel("Problem").fill("It squeaks.");
  await expect.poll(() => phone!.getByLabel("Problem").inputValue(), { timeout: 30_000 }).toBe("It squeaks.");

  // Begun offline, sent later.
  await phone!.context().setOffline(true);
  await press(phone!, "Continue");
  await phone!.getByLabel("Phone").fill("12");
  await phone!.getByText("Step 2 of 3").waitFor();
  await phone!.context().setOffline(false);
  await laptop!.getByText("Step 2 of 3").waitFor();
  await press(laptop!, "Continue");
  await laptop!.getByText("Enter a phone number.").waitFor();
  await laptop!.getByLabel("Phone").fill("020 7946 0000");
  await press(laptop!, "Continue");
  await saved(laptop!);
  await press(laptop!, "Hand it in");
  await Promise.all([phone!, laptop!].map((page) => page.getByText("Ticket 1").waitFor()));

  // The page opens without a server, and shows the session that began on it.
  await press(phone!, "All repairs");
  await press(phone!, "New repair");
  await phone!.getByLabel("Bike").fill("Tandem");
  await saved(phone!);
  await phone!.waitForFunction("navigator.serviceWorker.controller !== null");
  const { exitCode, ms } = await server.stop();
  expect(exitCode).toBe(0);
  expect(ms).toBeLessThan(4_000);
  await phone!.reload();
  await press(phone!, "Go on: Tandem");
  await phone!.getByLabel("Problem").fill("It is too long.");
  await expect.poll(() => status(phone!).textContent(), { timeout: 30_000 }).toBe("offline");
});

test("under script-src 'self' the page works, and nothing is reported as a violation", async () => {
  const server = await runServer(join(root, "server.ts"), directory);
  const context = await browser.newContext({ serviceWorkers: "block" });
  await context.route(server.url + "/", async (route) => {
    const response = await route.fetch();
    const policy = { "content-security-policy": "default-src 'self'; script-src 'self'" };
    await route.fulfill({ response, headers: { ...response.headers(), ...policy } });
  });
  const violations: string[] = [];
  await context.exposeFunction("violated", (directive: string) => violations.push(directive));
  await context.addInitScript(
    "document.addEventListener('securitypolicyviolation', (event) => violated(event.violatedDirective))",
  );
  const page = await context.newPage();
  await page.goto(server.url);
  await press(page, "New repair");
  await page.getByLabel("Bike").fill("Roadster");
  await page.getByLabel("Problem").fill("It squeaks.");
  await press(page, "Continue");
  await page.getByText("Step 2 of 3").waitFor();
  await saved(page);
  expect(violations).toEqual([]);

  // The policy is in force: the page reports a forbidden action.
  await page.evaluate("document.body.append(Object.assign(document.createElement('script'), { textContent: '0' }))");
  await expect.poll(() => violations).toEqual(["script-src-elem"]);
});
