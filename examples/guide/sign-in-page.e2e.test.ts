import { fileURLToPath } from "node:url";
import type { SignIn, SignInState } from "@sessions/client/sign-in";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright";
import { build, defaultClientConditions, type Rolldown } from "vite";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { shiftClock } from "../../scripts/browser-clock.ts";
import { chooseChromium } from "../../scripts/chromium.ts";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";
import { Browser as Client } from "../../packages/server/src/testing/visits/browser.ts";
import { runServer } from "./testing/running-server.ts";

const DAY_MS = 86_400_000;
const proof = { name: "ada", password: "analytical engine" };
const { url: databaseUrl } = await freshDatabase();
let program: string;
let browser: Browser;

beforeAll(async () => {
  vi.stubEnv("NODE_ENV", "production");
  const { output } = (await build({
    configFile: false,
    logLevel: "error",
    resolve: { conditions: ["@sessions/source", ...defaultClientConditions] },
    build: {
      write: false,
      rolldownOptions: { input: fileURLToPath(new URL("testing/sign-in-page.tsx", import.meta.url)) },
    },
  })) as Rolldown.RolldownOutput;
  vi.unstubAllEnvs();
  program = output[0].code;
  browser = await chromium.launch(await chooseChromium());
});
afterAll(() => browser?.close());

/** A browser of its own whose clock is wrong by this much, from the first line of each page. */
async function openBrowser(url: string, aheadMs: number): Promise<BrowserContext> {
  const context = await browser.newContext();
  await shiftClock(context, aheadMs);
  await context.route(`${url}/`, (route) =>
    route.fulfill({ contentType: "text/html", body: '<body><script type="module" src="/page.js"></script>' }),
  );
  await context.route(`${url}/page.js`, (route) => route.fulfill({ contentType: "text/javascript", body: program }));
  return context;
}

async function openPage(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => expect.unreachable(error.message));
  await page.goto(url);
  await page.waitForFunction("globalThis.signInClient !== undefined");
  return page;
}

/** The page's form sends the password, and then asks who is signed in. */
const signIn = (page: Page) =>
  page.evaluate(async (body) => {
    const headers = { "content-type": "application/json" };
    const { status } = await fetch("/sign-in", { method: "POST", headers, body: JSON.stringify(body) });
    await signInClient.refresh();
    return status;
  }, proof);

interface Shown {
  readonly state: SignInState;
  readonly list: { readonly status: string; readonly signIns: readonly SignIn[]; readonly more: boolean };
}

const shown = async (page: Page) => JSON.parse((await page.getByRole("status").textContent())!) as Shown;
const shows = (page: Page, status: string, places?: number) =>
  expect
    .poll(async () => {
      const { state, list } = await shown(page);
      return [state.status, list.status, ...(places === undefined ? [] : [list.signIns.length])];
    })
    .toEqual([status, "loaded", ...(places === undefined ? [] : [places])]);

test("S16, S17: browsers with wrong clocks show, end and lose sign-ins of a real server", async () => {
  const server = await runServer("express.ts", fileURLToPath(new URL("sign-in", import.meta.url)), {
    DATABASE_URL: databaseUrl,
  });
  const { url } = server;
  const contexts = await Promise.all([DAY_MS, -DAY_MS, 0].map((aheadMs) => openBrowser(url, aheadMs)));
  const [early, late, right] = (await Promise.all(contexts.map((context) => openPage(context, url)))) as [
    Page,
    Page,
    Page,
  ];
  const otherPage = await openPage(contexts[0]!, url);
  expect(await early.evaluate(() => Date.now())).toBeGreaterThan(Date.now() + DAY_MS - 60_000);
  for (const page of [early, late, right]) {
    await shows(page, "signed_out", 0);
    expect(await signIn(page)).toBe(200);
  }
  for (const page of [early, late, right, otherPage]) await shows(page, "signed_in");
  for (const page of [early, late]) {
    await page.reload();
    await shows(page, "signed_in", 3);
    const { list, state } = await shown(page);
    expect(list.signIns.map(({ current }) => current)).toEqual(
      page === early ? [false, false, true] : [false, true, false],
    );
    expect(state).toMatchObject({ owner: "ada", signIn: list.signIns.find(({ current }) => current) });
    for (const { since, lastUsed, provedAt, endsAt } of list.signIns) {
      for (const [text, awayMs] of [
        [since, 0],
        [lastUsed, 0],
        [provedAt, 0],
        [endsAt, 30 * DAY_MS],
      ] as const) {
        expect(Math.abs(Date.parse(text) - Date.now() - awayMs)).toBeLessThan(120_000);
      }
    }
  }
  // A browser keeps the cookie by its Max-Age.
  const [cookie] = await contexts[1]!.cookies();
  expect(cookie).toMatchObject({ name: "sign-in", httpOnly: true, sameSite: "Lax" });
  expect(cookie!.expires * 1_000 - Date.now() - 30 * DAY_MS).toBeLessThan(120_000);

  await late.getByLabel("Name").fill("Jeanne");
  const id = (await shown(late)).list.signIns.find(({ current }) => current)!.id;
  expect(await early.evaluate((lost) => signInClient.revoke(lost), id)).toEqual({ status: "ended", count: 1 });
  expect(await early.evaluate((lost) => signInClient.revoke(lost), id)).toEqual({ status: "ended", count: 0 });
  // Its stream tells it: nobody looks at the page.
  await shows(late, "signed_out", 0);
  const { state } = await shown(late);
  expect(state).toMatchObject({ ended: { reason: "revoked" } });
  const endedMs = state.status === "signed_out" ? Date.parse(state.ended!.at) : 0;
  expect(Math.abs(endedMs - Date.now())).toBeLessThan(120_000);
  expect(await signIn(late)).toBe(200);
  await shows(late, "signed_in", 3);
  expect(await late.getByLabel("Name").inputValue()).toBe("Jeanne");

  expect(await early.evaluate(() => signInClient.revokeOthers())).toEqual({ status: "ended", count: 2 });
  for (const page of [late, right]) await shows(page, "signed_out", 0);
  // More than a page of the list. An owner's sign-ins begin one after the other, and a request waits two seconds at most.
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(Array.from({ length: 5 }, () => new Client(url).post("/sign-in", proof)));
  }
  const pages = await early.evaluate(async () => {
    const first = await signInClient.list();
    return [first, await signInClient.list(first.next!)] as const;
  });
  expect(pages.map(({ signIns, next }) => [signIns.length, next === null])).toEqual([
    [50, false],
    [1, true],
  ]);
  expect(new Set(pages.flatMap(({ signIns }) => signIns.map(({ id: one }) => one))).size).toBe(51);
  expect(await early.evaluate(() => signInClient.signOut())).toEqual({ status: "signed_out" });
  for (const page of [early, otherPage]) await shows(page, "signed_out", 0);
  expect(await contexts[0]!.cookies()).toEqual([]);

  // A node that stops does not wait for the streams of pages.
  expect(await signIn(late)).toBe(200);
  const opened = late.waitForResponse((response) => response.url().endsWith("/signIns.watch"));
  await late.reload();
  await opened;
  const { exitCode, ms } = await server.stop();
  expect(exitCode).toBe(0);
  expect(ms).toBeLessThan(5_000);
});
