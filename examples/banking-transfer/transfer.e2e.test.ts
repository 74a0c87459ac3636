import { expect, onTestFinished, test } from "vitest";
import type { Page } from "playwright";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";
import { BANK_TIME_ZONE } from "./src/limits.ts";
import { startBank, type BankServer } from "./testing/bank-server.ts";
import { openProfile, type BrowserProfile } from "./testing/browsers/browser-profile.ts";
import { completeTransfers } from "./testing/completed-transfers.ts";

const GRACE = "BE95 7351 9061 2058";
const databases = [await freshDatabase(), await freshDatabase(), await freshDatabase()];

async function bank(databaseUrl: string | undefined): Promise<BankServer> {
  const server = await startBank(databaseUrl, undefined, true);
  onTestFinished(() => server.remove());
  return server;
}

async function profile(...args: Parameters<typeof openProfile>): Promise<BrowserProfile> {
  const opened = await openProfile(...args);
  onTestFinished(() => opened.close());
  return opened;
}

async function fillInRecipient(page: Page): Promise<void> {
  await page.getByRole("button", { name: "New transfer" }).click();
  await page.getByLabel("Name").fill("Grace Hopper");
  await page.getByLabel("IBAN").fill(GRACE);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Amount" }).waitFor();
}

const saved = (page: Page) => page.getByText("All changes saved").first().waitFor();

test.each([
  ["PGlite", undefined],
  ["PostgreSQL 18", databases[0]!.url],
])(
  "S1: on %s a transfer begun on one device is finished on another, and the money moves once",
  async (_, databaseUrl) => {
    const server = await bank(databaseUrl);
    const [phone, laptop] = [await profile(server.url, { width: 375 }), await profile(server.url)];

    const begun = await phone.open("/");
    await fillInRecipient(begun);
    await begun.getByLabel("Amount in euros").fill("12,");
    await saved(begun);
    const address = new URL(begun.url()).pathname;
    await begun.close();
    const phoneHome = await phone.open("/");
    const phoneWizard = await phone.open(address);

    const page = await laptop.open("/");
    await expect.poll(() => page.getByText("Amount, 2 of 3; last on Chrome on Linux").count()).toBe(1);
    await page.getByRole("link", { name: "Resume" }).click();
    expect(await page.getByLabel("Amount in euros").inputValue()).toBe("12,");
    await page.getByLabel("Amount in euros").fill("12,50");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("button", { name: "Send €12.50", disabled: false }).click();
    await page.getByRole("heading", { name: "The money is on its way" }).waitFor();
    const reference = await page.locator(".receipt strong").innerText();

    await phoneHome.getByText(reference).waitFor();
    // The bank numbers the browsers of one person.
    await phoneWizard.getByText("Finished on Chrome on Linux 2 just now").waitFor();
    await phoneWizard.getByText(reference).waitFor();

    expect(await server.stop()).toBe(0);
    const { ledger, balances } = await server.books();
    expect(ledger).toEqual([{ session: address.split("/").at(-1), cents: 12_50 }]);
    expect(balances).toEqual({ ada: 24_987_50, grace: 4_812_50 });
  },
);

test("S5: the 21st transfer of a month is refused at review, with the reason and the date, and stays open", async () => {
  const server = await bank(databases[1]!.url);
  await completeTransfers(server.url, "grace", 20);
  const device = await profile(server.url, { person: "grace" });

  const page = await device.open("/");
  await page.getByRole("button", { name: "New transfer" }).click();
  await page.getByLabel("Name").fill("Ada Lovelace");
  await page.getByLabel("IBAN").fill("BE44 7351 8151 2145");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Amount in euros").fill("5");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: "Send €5.00", disabled: false }).click();

  const refusal = page.getByRole("alert").filter({ hasText: "You have made 20 transfers this month" });
  await refusal.waitFor();
  expect(await refusal.innerText()).toContain(`The next one is possible from ${firstOfNextMonth()}.`);
  expect(await refusal.innerText()).toContain("This transfer stays open until");

  await page.getByRole("link", { name: "Harbour Bank" }).click();
  await page.getByText("Review, 3 of 3; last on").waitFor();
  await server.stop();
  expect((await server.books()).ledger).toHaveLength(20);
});

test("S4: what is typed offline waits on the device, and money is not sent until it is online", async () => {
  const server = await bank(databases[2]!.url);
  const phone = await profile(server.url, { width: 375 });
  const page = await phone.open("/");
  await fillInRecipient(page);
  await saved(page);

  await phone.context.setOffline(true);
  await page.getByLabel("Amount in euros").fill("20");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Offline: 1 change waits on this device").first().waitFor();
  await page.getByText("You are offline. Money is sent only while the bank can answer.").waitFor();
  await page.getByRole("button", { name: "Send €20.00", disabled: true }).click({ force: true });

  await phone.context.setOffline(false);
  await page.getByRole("button", { name: "Send €20.00", disabled: false }).click();
  await page.getByRole("heading", { name: "The money is on its way" }).waitFor();
  await server.stop();
  expect((await server.books()).ledger).toHaveLength(1);
});

function firstOfNextMonth(): string {
  const today = new Intl.DateTimeFormat("en-CA", { timeZone: BANK_TIME_ZONE }).format(new Date());
  const [year, month] = today.split("-").map(Number) as [number, number];
  return new Intl.DateTimeFormat("en-IE", { dateStyle: "long", timeZone: "UTC" }).format(Date.UTC(year, month, 1));
}
