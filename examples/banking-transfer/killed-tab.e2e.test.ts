import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright";
import { expect, onTestFinished, test } from "vitest";
import { chooseChromium } from "../../scripts/chromium.ts";
import { repetitions } from "../../scripts/repetitions.ts";
import { Random } from "../../packages/server/src/testing/random.ts";
import { servePage } from "./testing/page-server.ts";
import type { Typed } from "./testing/typing/typing.ts";

const KILLS = repetitions({ few: 16, many: 400 });
const TABS = 8;

test("S4, S13: tabs killed while somebody types find all that was told to be stored, once", async () => {
  // The server refuses all requests of the pages.
  const url = await servePage("typing", (_, response) => void response.writeHead(503).end());
  const directory = await mkdtemp(join(tmpdir(), "typing-profile-"));
  const context = await chromium.launchPersistentContext(directory, await chooseChromium());
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  onTestFinished(() => context.close());
  const seed = Date.now() % 1_000_000;
  const random = new Random(seed);

  const promised = new Map<string, Typed>();
  const found = new Map<string, (typed: Typed) => void>();
  await context.exposeFunction("tell", (profile: string, kind: "found" | "stored", typed: Typed) => {
    if (kind === "found") found.get(profile)?.(typed);
    else if (typed.last > (promised.get(profile)?.last ?? 0)) promised.set(profile, typed);
  });
  const browser = await context.browser()!.newBrowserCDPSession();

  /** Opens a tab. Resolves when the tab is killed, with the numbers that it found. */
  async function tab(profile: string): Promise<{ opened: Promise<void>; killed: Promise<void> }> {
    const page = await context.newPage();
    const killed = new Promise<void>((resolve) => page.once("crash", () => resolve()));
    const finding = new Promise<Typed>((resolve) => found.set(profile, resolve));
    const before = promised.get(profile) ?? { last: 0, submissions: 0 };
    const opened = (async () => {
      await page.goto(`${url}/?profile=${profile}`);
      const typed = await finding;
      const message = `seed ${seed}, tab ${profile}`;
      expect(typed.last, message).toBeGreaterThanOrEqual(before.last);
      expect(typed.submissions, message).toBe(Math.floor(typed.last / 10));
    })();
    return { opened, killed: killed.then(() => page.close()) };
  }

  let kills = 0;
  while (kills < KILLS) {
    const tabs = await Promise.all(Array.from({ length: TABS }, (_, index) => tab(String(index))));
    await Promise.all(tabs.map(({ opened }) => opened));
    const { processInfo } = await browser.send("SystemInfo.getProcessInfo");
    for (const { id, type } of processInfo) {
      if (type !== "renderer") continue;
      // At any moment while some numbers are written.
      await new Promise((resolve) => setTimeout(resolve, random.next() * 12));
      process.kill(id, "SIGKILL");
    }
    await Promise.all(tabs.map(({ killed }) => killed));
    kills += TABS;
  }
  const typed = [...promised.values()].reduce((sum, { last }) => sum + last, 0);
  expect(promised.size).toBe(TABS);
  console.error(`${kills} tabs killed, ${typed} numbers stored, none missing (seed ${seed}).`);
}, 600_000);
