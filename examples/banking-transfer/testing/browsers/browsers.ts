import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, type ElementHandle, type Page } from "puppeteer-core";
import { expect, onTestFinished, vi } from "vitest";
import { chooseChromium } from "../../../../scripts/chromium.ts";
import { DEMO_PASSWORD } from "../../src/people.ts";

/** How long a test waits for a text or an element, in milliseconds. */
const PATIENCE_MS = 15_000;

export type BrowserName = "chromium" | "firefox";

/** One page of the bank in a browser of its own, as a person uses it. */
export interface Screen {
  /** Replaces the text of a field by typing. */
  fill(label: string, text: string): Promise<void>;
  /** Waits until a field holds this text. */
  shows(label: string, text: string): Promise<void>;
  press(button: string): Promise<void>;
  /** Waits until the page shows this text. */
  reads(text: string): Promise<void>;
  /** The path that the page is at. */
  path(): Promise<string>;
  open(path: string): Promise<void>;
  /** What a function finds in the page. */
  find<T>(look: () => Promise<T>): Promise<T>;
}

/** The path of an installed browser; undefined if it is missing. */
export async function installed(browser: BrowserName): Promise<string | undefined> {
  if (browser === "chromium") return (await chooseChromium()).executablePath;
  const places = [process.env["FIREFOX"], "/usr/bin/firefox-esr", "/usr/bin/firefox"];
  for (const place of places) {
    const there =
      place !== undefined &&
      (await access(place).then(
        () => true,
        () => false,
      ));
    if (there) return place;
  }
  return undefined;
}

/** Starts a browser on an empty profile for the running test, and signs a person in, or nobody. */
export async function openScreen(
  bank: string,
  browser: BrowserName,
  { person = "ada", width = 1280 }: { readonly person?: string | null; readonly width?: number } = {},
): Promise<Screen> {
  const executablePath = await installed(browser);
  if (executablePath === undefined) throw new Error(`There is no ${browser} here.`);
  const userDataDir = await mkdtemp(join(tmpdir(), `bank-${browser}-`));
  const started = await launch({
    browser: browser === "chromium" ? "chrome" : "firefox",
    executablePath,
    userDataDir,
    args: browser === "chromium" ? (await chooseChromium()).args : [],
    defaultViewport: { width, height: 800 },
  });
  onTestFinished(async () => {
    await started.close();
    await rm(userDataDir, { recursive: true, force: true });
  });
  const [page = await started.newPage()] = await started.pages();
  const screen = screenOf(page, bank);
  await screen.open("/");
  if (person === null) return screen;
  await screen.fill("Customer", person);
  await screen.fill("Password", DEMO_PASSWORD);
  await screen.press("Sign in");
  await screen.reads("Open transfers");
  return screen;
}

function screenOf(page: Page, bank: string): Screen {
  // The driver's own waiting makes code from text, which the page's policy forbids.
  const until = <T>(look: () => Promise<T>) => vi.waitFor(look, { timeout: PATIENCE_MS, interval: 50 });

  async function found(xpath: string): Promise<ElementHandle> {
    return until(async () => {
      const element = await page.$(`::-p-xpath(${xpath})`);
      if (element === null) throw new Error(`There is no ${xpath} at ${page.url()}.`);
      return element;
    });
  }

  const field = (label: string) => found(`//input[@id = //label[starts-with(normalize-space(.), "${label}")]/@for]`);
  return {
    async fill(label, text) {
      const input = await field(label);
      await input.focus();
      await page.keyboard.down("Control");
      await page.keyboard.press("a");
      await page.keyboard.up("Control");
      await page.keyboard.type(text);
    },
    async shows(label, text) {
      const input = await field(label);
      await until(async () => expect(await input.evaluate((shown) => (shown as HTMLInputElement).value)).toBe(text));
    },
    async press(button) {
      await (await found(`//button[not(@disabled) and contains(normalize-space(.), "${button}")]`)).click();
    },
    async reads(text) {
      await until(async () => expect(await page.evaluate(() => document.body.innerText)).toContain(text));
    },
    path: () => page.evaluate(() => location.pathname),
    async open(path) {
      await page.goto(bank + path);
    },
    find: (look) => page.evaluate(look),
  };
}
