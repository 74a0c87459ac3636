import type { Page } from "playwright";
import { expect, test } from "vitest";
import { beginSignOut } from "./testing/account-menu.ts";
import { violationsOf } from "./testing/axe.ts";
import { runBank } from "./testing/running-bank.ts";

const bank = await runBank();

const profile = (options: Parameters<typeof bank.profile>[0]) => bank.profile({ ...options, alone: true });

async function submitRecipient(page: Page): Promise<void> {
  await page.getByLabel("Name").fill("Jeanne Peeters");
  await page.getByLabel("IBAN").fill("BE68 5390 0754 7034");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Amount" }).waitFor();
}

const saved = (page: Page) => page.getByText("All changes saved").first().waitFor();
const home = (page: Page) => page.getByRole("link", { name: "Harbour Bank" }).click();
const question = (page: Page) => page.getByRole("region", { name: "A change to decide on" });

async function passesAxe(page: Page): Promise<void> {
  // A button that is just changing its colour has too little contrast for a moment.
  await page.emulateMedia({ reducedMotion: "reduce" });
  expect(await violationsOf(page)).toEqual([]);
}

test("S4: a transfer that the bank refuses to open keeps what was filled in, and has it once there is room", async () => {
  const [phone, laptop] = [await profile({ width: 375 }), await profile({})];
  const [late, early] = [await phone.open("/"), await laptop.open("/")];
  await late.getByText("None. Begin one here").waitFor();
  await phone.context.setOffline(true);
  await late.getByRole("button", { name: "New transfer" }).click();
  await submitRecipient(late);
  for (let opened = 0; opened < 5; opened += 1) {
    await early.getByRole("button", { name: "New transfer" }).click();
    await early.getByRole("heading", { name: "Recipient" }).waitFor();
    await saved(early);
    await home(early);
  }
  await early.getByText("5 transfers are open").waitFor();

  await phone.context.setOffline(false);
  await question(late).getByText("You have 5 open transfers").waitFor();
  expect(await question(late).locator("dd").allInnerTexts()).toEqual(["Jeanne Peeters", "BE68 5390 0754 7034"]);
  await passesAxe(late);
  await home(late);
  await late.getByText("5 transfers are open").waitFor();
  await early.getByRole("link", { name: "Resume" }).first().click();
  await early.getByRole("button", { name: "Cancel this transfer" }).click();
  await early.getByRole("button", { name: "Cancel it" }).click();
  // Four at the bank, and one that it has not opened.
  await late.getByText("5 transfers are open").waitFor({ state: "detached" });
  expect(await late.getByRole("link", { name: "Resume" }).count()).toBe(4);
  await passesAxe(late);

  await late.getByRole("link", { name: "Decide To Jeanne Peeters" }).click();
  await question(late).getByRole("button", { name: "Try again" }).click();
  await late.getByRole("heading", { name: "Amount" }).waitFor();
  await saved(late);
  await early.goto(bank.url + new URL(late.url()).pathname);
  await early.getByRole("heading", { name: "Amount" }).waitFor();
});

test("S4: what was filled in for a transfer that ended meanwhile is shown, kept from a sign-out, and begins another", async () => {
  const [phone, laptop] = [await profile({ person: "grace", width: 375 }), await profile({ person: "grace" })];
  const late = await phone.open("/");
  await late.getByRole("button", { name: "New transfer" }).click();
  await late.getByRole("heading", { name: "Recipient" }).waitFor();
  await saved(late);
  const early = await laptop.open(new URL(late.url()).pathname);
  await phone.context.setOffline(true);
  await submitRecipient(late);
  await late.getByLabel("Amount in euros").fill("12,50");
  await early.getByRole("button", { name: "Cancel this transfer" }).click();
  // The page shows it before the bank has it.
  const cancelled = early.waitForResponse(/sessions\.push/);
  await early.getByRole("button", { name: "Cancel it" }).click();
  await cancelled;

  await phone.context.setOffline(false);
  await late.getByRole("heading", { name: "This transfer was cancelled" }).waitFor();
  const wanted = question(late).locator("dd");
  await expect
    .poll(() => wanted.allInnerTexts(), { timeout: 15_000 })
    .toEqual(["Jeanne Peeters", "BE68 5390 0754 7034", "12,50"]);
  await passesAxe(late);
  await home(late);
  await late.getByText("A change from here came too late").waitFor();
  await beginSignOut(late);
  await late.getByText("Not sent: Recipient and Amount.").waitFor();
  await late.getByRole("button", { name: "Stay" }).click();

  await late.getByRole("link", { name: "Details" }).click();
  await question(late).getByRole("button", { name: "Use it in a new transfer" }).click();
  await late.getByRole("heading", { name: "Recipient" }).waitFor();
  expect(await late.getByLabel("Name").inputValue()).toBe("Jeanne Peeters");
  await late.getByRole("button", { name: "Continue" }).click();
  await late.getByRole("heading", { name: "Amount" }).waitFor();
  expect(await late.getByLabel("Amount in euros").inputValue()).toBe("12,50");
  await saved(late);
  await home(late);
  await late.getByRole("link", { name: "Resume To Jeanne Peeters" }).waitFor();
  expect(await late.getByText("A change from here came too late").count()).toBe(0);
});

test("S12: a page that is older than the bank’s says so, and a press reloads it with what was typed", async () => {
  const phone = await profile({ width: 375 });
  const page = await phone.open("/");
  await page.route("**/trpc/sessions.push*", (route) => {
    const { commands } = route.request().postDataJSON() as { readonly commands: readonly unknown[] };
    const refusal = { code: "outdated", given: 1, current: 2 };
    const outcomes = commands.map(() => ({ status: "refused", refusal }));
    return route.fulfill({ json: { result: { data: { now: new Date().toISOString(), outcomes, snapshots: [] } } } });
  });
  await page.getByRole("link", { name: "Resume To Jeanne Peeters" }).click();
  await page.getByLabel("Reference").fill("Rent for May");
  const reload = page.getByRole("button", { name: "Reload" });
  await reload.waitFor();
  await passesAxe(page);

  await page.unrouteAll();
  await reload.click();
  await reload.waitFor({ state: "detached" });
  await page.getByText("All changes saved").first().waitFor();
  expect(await page.getByLabel("Reference").inputValue()).toBe("Rent for May");
});

test("a transfer and a list that something refuses to look up say so, and come as soon as they may", async () => {
  const [phone, laptop] = [await profile({ person: "grace", width: 375 }), await profile({ person: "grace" })];
  const there = await phone.open("/");
  await there.getByRole("button", { name: "New transfer" }).click();
  await there.getByRole("button", { name: "Cancel this transfer" }).click();
  await there.getByRole("button", { name: "Cancel it" }).click();
  await there.getByText("No money was sent").waitFor();
  await laptop.context.route("**/sessions.{read,list}*", (route) => route.fulfill({ status: 403 }));
  const here = await laptop.open(new URL(there.url()).pathname);
  await here.getByText("This transfer cannot be shown just now").waitFor();
  await passesAxe(here);
  await home(here);
  await here.getByText("refuses to list your transfers").waitFor();
  expect(await here.getByText("None yet").count()).toBe(0);
  await passesAxe(here);

  await laptop.context.unrouteAll();
  await here.getByText("refuses to list your transfers").waitFor({ state: "detached" });
  await here.getByRole("link", { name: "Details" }).first().click();
  await here.getByText("No money was sent").waitFor();
});
