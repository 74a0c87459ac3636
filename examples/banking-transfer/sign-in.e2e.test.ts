import type { Page } from "playwright";
import { expect, test } from "vitest";
import { beginSignOut } from "./testing/account-menu.ts";
import { runBank } from "./testing/running-bank.ts";

const bank = await runBank();

const profile = (person: "ada" | "grace") => bank.profile({ person, width: 375, alone: true });

const notice = (page: Page) => page.getByText("You were signed out.");

async function signIn(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: `Fill in ${name}` }).click();
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

test("S9: who is signed out while typing is told so, and goes on where the sign-in ended", async () => {
  const device = await profile("ada");
  const page = await device.open("/");
  await page.getByRole("button", { name: "New transfer" }).click();
  await page.getByLabel("Name").fill("Jeanne");
  await page.getByText("All changes saved").first().waitFor();
  await device.context.clearCookies();
  await page.getByLabel("Name").fill("Jeanne Peeters");
  await notice(page).waitFor();

  await signIn(page, "Ada Lovelace");
  await page.getByRole("heading", { name: "Recipient" }).waitFor();
  expect(await page.getByLabel("Name").inputValue()).toBe("Jeanne Peeters");
  await page.getByText("All changes saved").first().waitFor();

  const other = await device.open(new URL(page.url()).pathname);
  await other.getByRole("heading", { name: "Recipient" }).waitFor();
  await beginSignOut(page);
  for (const left of [page, other]) {
    await left.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(new URL(left.url()).pathname).toBe("/");
    expect(await notice(left).count()).toBe(0);
  }
});

test("a sign-in that is gone is noticed without a transfer, when the list cannot be had and when the page is seen again", async () => {
  const device = await profile("grace");
  const page = await device.context.newPage();
  // Some embedded browsers lack this channel between pages.
  await page.addInitScript("delete globalThis.BroadcastChannel");
  await page.route(
    "**/trpc/sessions.list*",
    async (route) => {
      await device.context.clearCookies();
      await route.abort();
    },
    { times: 1 },
  );
  await page.goto(bank.url);
  await notice(page).waitFor();

  await signIn(page, "Grace Hopper");
  await page.getByText("None. Begin one here").waitFor();
  await device.context.clearCookies();
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await notice(page).waitFor();
});
