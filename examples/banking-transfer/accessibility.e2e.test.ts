import type { Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openMenu } from "./testing/account-menu.ts";
import { violationsInBothSchemes } from "./testing/axe.ts";
import { openProfile, type BrowserProfile } from "./testing/browsers/browser-profile.ts";
import { runBank } from "./testing/running-bank.ts";

const bank = await runBank();
let device: BrowserProfile;

beforeAll(async () => {
  device = await openProfile(bank.url);
});
afterAll(() => device?.close());

test("a whole transfer is made with the keyboard alone", async () => {
  const page = await device.open("/");
  await tabTo(page, "button", "New transfer");
  await page.keyboard.press("Enter");

  await focusIsOn(page, "Name");
  await page.keyboard.type("Grace Hopper");
  await page.keyboard.press("Tab");
  await page.keyboard.type("BE95 7351 9061 205");
  await page.keyboard.press("Enter");
  await focusIsOn(page, "IBAN");
  await page.keyboard.press("End");
  await page.keyboard.type("8");
  await page.keyboard.press("Enter");

  await focusIsOn(page, "Amount in euros");
  await page.keyboard.type("12000");
  await page.keyboard.press("Enter");

  await focusIsOn(page, "Salary or pension");
  await page.keyboard.press("ArrowDown");
  await tabTo(page, "button", "Continue");
  await page.keyboard.press("Enter");

  await focusIsOn(page, "Review");
  await page.getByRole("button", { name: "Send €12,000.00", disabled: false }).waitFor();
  await tabTo(page, "button", "Send €12,000.00");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "The money is on its way" }).waitFor();
});

test("every page passes axe at 375 and 1280 pixels, in light and in dark", async () => {
  const page = await device.open("/");
  const goOn = () => page.getByRole("button", { name: "Continue" }).click();

  await passesAxe(page, "Open transfers");
  await openMenu(page);
  await page.getByRole("link", { name: "Where you are signed in" }).click();
  await page.getByText("This browser").waitFor();
  await passesAxe(page, "Where you are signed in");
  await page.getByRole("link", { name: "Harbour Bank" }).click();
  await page.getByRole("button", { name: "New transfer" }).click();
  await page.getByRole("heading", { name: "Recipient" }).waitFor();
  await goOn();
  await page.getByText("Enter the recipient's name.").waitFor();
  await passesAxe(page, "Recipient");
  await page.getByLabel("Name").fill("Grace Hopper");
  await page.getByLabel("IBAN").fill("BE95 7351 9061 2058");
  await goOn();
  await passesAxe(page, "Amount");
  await page.getByLabel("Amount in euros").fill("10001");
  await goOn();
  await passesAxe(page, "Source");
  await page.getByRole("button", { name: "Cancel this transfer" }).click();
  await passesAxe(page, "Cancel this transfer?");
  await page.getByRole("button", { name: "Keep it" }).click();
  await page.getByText("Savings").click();
  await goOn();
  await passesAxe(page, "Review");
  await page.getByRole("button", { name: "Cancel this transfer" }).click();
  await page.getByRole("button", { name: "Cancel it" }).click();
  await passesAxe(page, "This transfer was cancelled");

  await page.goto(`${bank.url}/side-by-side`);
  await page.frameLocator("iframe").first().getByRole("heading", { name: "Open transfers" }).waitFor();
  await passesAxe(page, "Begin on the phone, finish on the laptop");

  const nowhere = await page.goto(`${bank.url}/nowhere`);
  expect(nowhere?.status()).toBe(404);
  await passesAxe(page, "There is no such page");
  expect(await page.title()).toBe("There is no such page – Harbour Bank");
  await page.goto(`${bank.url}/transfers/019ac000-0000-7000-8000-000000000001`);
  await passesAxe(page, "There is no such transfer");

  await page.context().clearCookies();
  await page.goto(bank.url);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Enter your customer id, such as ada.").waitFor();
  await page.getByText("Enter your password.").waitFor();
  await focusIsOn(page, "Customer");
  await passesAxe(page, "Sign in");
  await page.getByRole("button", { name: "Fill in Ada Lovelace" }).click();
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "Open transfers" }).waitFor();
  await page.close();
});

test.each([375, 1280])(
  "the devtools pass axe at %i pixels, and are loaded only when they are asked for",
  async (width) => {
    const page = await device.open("/");
    const loaded: string[] = [];
    page.on("request", (request) => loaded.push(request.url()));
    const scripts = () => loaded.filter((url) => /devtools.*\.js$/.test(url)).length;
    await page.setViewportSize({ width, height: 800 });
    await page.reload();
    await page.getByRole("button", { name: "New transfer" }).click();
    await page.getByRole("heading", { name: "Recipient" }).waitFor();
    expect(scripts()).toBe(0);

    await page.goto(`${page.url()}?devtools`);
    const panel = page.getByRole("region", { name: "Sessions devtools" });
    await page.getByLabel("Name").fill("Grace Hopper");
    await panel.getByRole("button", { name: "Sessions" }).click();
    await panel.getByRole("cell", { name: "recipient.name" }).first().waitFor();
    await panel.getByRole("button", { name: "Show what was typed" }).click();
    await panel.getByRole("cell", { name: "Grace Hopper" }).first().waitFor();
    expect(scripts()).toBe(1);
    expect(await violationsInBothSchemes(page)).toEqual([]);
    const [window, content] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
    expect(content).toBeLessThanOrEqual(window);
    // The page can be scrolled out from under the panel.
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("This is not an IBAN").waitFor();
    await page.close();
  },
);

async function passesAxe(page: Page, heading: string): Promise<void> {
  await page.getByRole("heading", { name: heading }).first().waitFor();
  for (const width of [375, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    expect(await violationsInBothSchemes(page), `on the page "${heading}" at ${width} pixels`).toEqual([]);
  }
}

async function tabTo(page: Page, role: "button" | "textbox" | "radio", name: string): Promise<void> {
  const target = page.getByRole(role, { name });
  await target.waitFor();
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press("Tab");
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error(`The Tab key does not reach ${name}.`);
}

/** The focus is on the heading, or the field, that begins with this. */
async function focusIsOn(page: Page, name: string): Promise<void> {
  await expect
    .poll(() =>
      page.evaluate(() => {
        const element = document.activeElement;
        const label = element instanceof HTMLInputElement ? element.labels?.[0] : element;
        return label?.textContent ?? "";
      }),
    )
    .toMatch(new RegExp(`^${name}`));
}
