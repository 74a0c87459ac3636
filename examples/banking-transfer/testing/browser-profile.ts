import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright";
import { chooseChromium } from "../../../scripts/chromium.ts";
import { DEMO_PASSWORD } from "../src/people.ts";

/** A Chromium of its own, with a profile on disk, as a person's second device has. */
export interface BrowserProfile {
  readonly context: BrowserContext;
  /** Opens a page of the bank, signed in. */
  open(path: string): Promise<Page>;
  close(): Promise<void>;
}

interface ProfileOptions {
  readonly person?: "ada" | "grace";
  /** Of the window, in CSS pixels. */
  readonly width?: number;
  /** Whether the tab of the sign-in leaves the bank: it would send, and hear, for the others. */
  readonly alone?: boolean;
}

/** Starts a Chromium on an empty profile and signs a person in. */
export async function openProfile(
  bank: string,
  { person = "ada", width = 1280, alone = false }: ProfileOptions = {},
): Promise<BrowserProfile> {
  const directory = await mkdtemp(join(tmpdir(), "bank-profile-"));
  const context = await chromium.launchPersistentContext(directory, {
    ...(await chooseChromium()),
    viewport: { width, height: 800 },
  });
  context.setDefaultTimeout(15_000);
  const first = context.pages()[0] ?? (await context.newPage());
  await signIn(first, bank, person);
  if (alone) await first.goto("about:blank");
  return {
    context,
    async open(path) {
      const page = await context.newPage();
      await page.goto(bank + path);
      return page;
    },
    async close() {
      await context.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function signIn(page: Page, bank: string, person: string): Promise<void> {
  await page.goto(bank);
  await page.getByLabel("Customer").fill(person);
  await page.getByLabel("Password").fill(DEMO_PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "Open transfers" }).waitFor();
}
