import type { Page } from "playwright";
import { expect, onTestFinished, test } from "vitest";
import { shiftClock } from "../../scripts/browser-clock.ts";
import { DEMO_PASSWORD } from "./src/people.ts";
import { violationsOf } from "./testing/axe.ts";
import { beginSignOut, openMenu } from "./testing/account-menu.ts";
import { runBankInProcess } from "./testing/bank-in-process.ts";
import { openProfile } from "./testing/browsers/browser-profile.ts";

const bank = await runBankInProcess();

const DAY_MS = 86_400_000;

/** A page of a new browser in which this person is signed in. The browser's clock is wrong by `aheadMs`. */
async function openBrowser(person: "ada" | "grace", aheadMs = 0): Promise<Page> {
  const profile = await openProfile(bank.url, { person, width: 390, alone: true });
  onTestFinished(() => profile.close());
  if (aheadMs !== 0) await shiftClock(profile.context, aheadMs);
  return profile.open("/");
}

async function passesAxe(page: Page): Promise<void> {
  expect(await violationsOf(page)).toEqual([]);
  const [window, content] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  expect(content).toBeLessThanOrEqual(window);
}

async function signInAgain(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: `Fill in ${name}` }).click();
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** The news for screen readers. */
const said = (page: Page, text: string | RegExp) => page.getByRole("status").filter({ hasText: text });

const saved = (page: Page) => page.getByText("All changes saved").first().waitFor();

test("S17: a browser with a wrong clock that another one signs out says so at once, and loses nothing", async () => {
  const [page, other] = [await openBrowser("ada", DAY_MS), await openBrowser("ada", -DAY_MS)];
  await other.getByRole("button", { name: "New transfer" }).click();
  await other.getByLabel("Name").fill("Jeanne");
  await saved(other);

  await openMenu(page);
  await passesAxe(page);
  await page.getByRole("link", { name: "Where you are signed in" }).click();
  const listed = page.getByRole("listitem");
  await expect
    .poll(() => listed.getByRole("heading").allInnerTexts())
    .toEqual(["Chrome on Linux\nThis browser", "Chrome on Linux 2"]);
  expect(await listed.last().locator("dd").allInnerTexts()).toEqual([
    expect.stringMatching(/\d{4}, \d\d:\d\d/),
    "just now",
  ]);
  await passesAxe(page);

  await page.getByRole("button", { name: "Sign out of Chrome on Linux 2" }).click();
  const pressedMs = Date.now();
  await said(other, "You were signed out from another browser. What you typed is kept on this device.").waitFor();
  // A second, and what a busy machine adds. Without the notice it takes a third of the lease: 3.3 s.
  expect(Date.now() - pressedMs).toBeLessThan(3_000);
  await said(page, "Chrome on Linux 2 is signed out.").waitFor();
  await page.getByText("You are signed in nowhere else.").waitFor();
  await passesAxe(other);

  await other.setExtraHTTPHeaders({ "cf-ipcountry": "BE" });
  await signInAgain(other, "Ada Lovelace");
  await other.getByRole("heading", { name: "Recipient" }).waitFor();
  expect(await other.getByLabel("Name").inputValue()).toBe("Jeanne");
  await saved(other);

  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.getByText("Belgium").waitFor();

  const third = await openBrowser("ada");
  await third.getByRole("heading", { name: "Open transfers" }).waitFor();
  await page.getByRole("button", { name: "Sign out everywhere else" }).click();
  await said(page, "2 other browsers are signed out.").waitFor();
  await Promise.all([other, third].map((ended) => said(ended, "from another browser").waitFor()));
  await page.getByRole("link", { name: "Harbour Bank" }).click();
  await page.getByRole("heading", { name: "Open transfers" }).waitFor();
});

test("a transfer above €1,000 asks for the password again after five minutes, and is sent at the step where it was", async () => {
  const [page, other] = [await openBrowser("grace"), await openBrowser("grace")];
  const send = page.getByRole("button", { name: "Send €1,200.00", disabled: false });
  const goOn = () => page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: "New transfer" }).click();
  await page.getByLabel("Name").fill("Jeanne Peeters");
  await page.getByLabel("IBAN").fill("BE68 5390 0754 7034");
  await goOn();
  await page.getByLabel("Amount in euros").fill("1200");
  await goOn();
  await send.waitFor();
  bank.advance(5 * 60_000);
  await send.click();

  const dialog = page.getByRole("dialog", { name: "Enter your password to send" });
  await dialog.getByText("The money has not been sent yet.").waitFor();
  expect(await dialog.locator("dd").allInnerTexts()).toEqual([
    "Jeanne Peeters",
    "BE68 5390 0754 7034",
    "€1,200.00",
    "€1.20",
    "€1,201.20",
  ]);
  await passesAxe(page);
  // What the person agrees to has changed: the page shows it before it asks again.
  await other.goto(`${page.url()}/amount`);
  await other.getByLabel("Reference").fill("Rent");
  await other.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Amount changed on another device just now").waitFor();
  expect(await dialog.count()).toBe(0);

  await send.click();
  await dialog.getByText("Rent").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("alert").filter({ hasText: "Nothing was sent." }).waitFor();

  await send.click();
  await dialog.getByLabel("Password").fill("wrong");
  await page.keyboard.press("Enter");
  await dialog.getByText("That is not your password.").waitFor();
  expect(await bank.payments()).toBe(0);
  await dialog.getByLabel("Password").fill(DEMO_PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "The money is on its way" }).waitFor();
  expect(await bank.payments()).toBe(1);
});

test("a sign-out names the transfers and steps that were not sent, and wipes nothing until the person agrees", async () => {
  const page = await openBrowser("ada");
  await page.getByRole("button", { name: "New transfer" }).click();
  await page.getByRole("heading", { name: "Recipient" }).waitFor();
  await saved(page);
  await page.route("**/trpc/sessions.push*", (route) => route.abort());
  const pushed = page.waitForRequest("**/trpc/sessions.push*");
  await page.getByLabel("Name").fill("Jeanne Peeters");
  await pushed;

  await beginSignOut(page);
  const dialog = page.getByRole("dialog", { name: "Sign out and lose changes?" });
  await dialog
    .getByRole("listitem")
    .filter({ hasText: "To Jeanne Peeters" })
    .filter({ hasText: "Not sent: Recipient." })
    .waitFor();
  await passesAxe(page);
  await dialog.getByRole("button", { name: "Stay" }).click();
  expect(await page.getByLabel("Name").inputValue()).toBe("Jeanne Peeters");

  await page.unroute("**/trpc/sessions.push*");
  await saved(page);
  await page.route("**/trpc/signIns.signOut*", (route) => route.abort());
  await beginSignOut(page);
  await said(page, "The bank does not answer: you are still signed in. Try again.").waitFor();
  expect(await page.getByLabel("Name").inputValue()).toBe("Jeanne Peeters");
  await page.unroute("**/trpc/signIns.signOut*");
  await beginSignOut(page);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});

test("S18: a copy of a browser's cookie ends the sign-in, and the browser's page says so", async () => {
  const page = await openBrowser("grace");
  await page.getByRole("heading", { name: "Open transfers" }).waitFor();
  const copy = (await page.context().cookies()).find(({ name }) => name === "sign-in")!;
  const ask = () => page.evaluate(() => fetch("/trpc/account").then(({ status }) => status));
  const cookie = async () => (await page.context().cookies()).find(({ name }) => name === "sign-in")?.value;

  // The browser gets its next cookie, and uses it until the one before has no more use.
  bank.advance(25 * 3_600_000);
  await ask();
  expect(await cookie()).not.toBe(copy.value);
  for (let minutes = 0; minutes < 30; minutes += 5) {
    expect(await ask()).toBe(200);
    bank.advance(5 * 60_000);
  }
  expect(await ask()).toBe(200);
  const thief = await fetch(`${bank.url}/trpc/account`, { headers: { cookie: `sign-in=${copy.value}` } });
  expect(thief.status).toBe(401);
  await said(page, "a copy of this browser’s cookie was used. What you typed is kept on this device.").waitFor();
});
