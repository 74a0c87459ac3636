import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright";
import { afterAll } from "vitest";
import { chooseChromium } from "../../../../scripts/chromium.ts";
import { DEMO_PASSWORD } from "../../src/people.ts";

/** A browser's own cookies and storage, like those of a person's second device. */
export interface BrowserProfile {
  readonly context: BrowserContext;
  /** Opens a page of the bank, signed in. */
  open(path: string): Promise<Page>;
  close(): Promise<void>;
}

interface ProfileOptions {
  /** Null if nobody signs in. */
  readonly person?: "ada" | "grace" | null;
  /** The width of the window, in CSS pixels. */
  readonly width?: number;
  /** Whether no other tab shows the bank. Such a tab would send and receive for the others. */
  readonly alone?: boolean;
  /** Whether the profile is on disk, in its own Chromium. Else it is in the memory of one Chromium for all tests of a file. */
  readonly onDisk?: boolean;
}

let shared: Promise<Browser> | undefined;
afterAll(async () => (await shared)?.close());

/** Opens an empty profile, and signs a person in there. */
export async function openProfile(
  bank: string,
  { person = "ada", width = 1280, alone = false, onDisk = false }: ProfileOptions = {},
): Promise<BrowserProfile> {
  const directory = onDisk ? await mkdtemp(join(tmpdir(), "bank-profile-")) : undefined;
  const viewport = { width, height: 800 };
  const choice = await chooseChromium();
  const context = directory
    ? await chromium.launchPersistentContext(directory, { ...choice, viewport })
    : await (await (shared ??= chromium.launch(choice))).newContext({ viewport });
  context.setDefaultTimeout(15_000);
  if (person !== null) await signIn(context, bank, person);
  const first = context.pages()[0] ?? (await context.newPage());
  if (!alone && person !== null) {
    await first.goto(bank);
    await first.getByRole("heading", { name: "Open transfers" }).waitFor();
  }
  return {
    context,
    async open(path) {
      const page = await context.newPage();
      await page.goto(bank + path);
      return page;
    },
    async close() {
      await context.close();
      if (directory) await rm(directory, { recursive: true, force: true });
    },
  };
}

async function signIn(context: BrowserContext, bank: string, id: string): Promise<void> {
  const data = { id, password: DEMO_PASSWORD, device: "Chrome on Linux" };
  const answer = await context.request.post(`${bank}/trpc/signIn`, { data });
  if (!answer.ok()) throw new Error(`${id} could not sign in: ${await answer.text()}`);
}
