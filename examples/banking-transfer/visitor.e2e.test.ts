import type { BrowserContext, Page } from "playwright";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";
import { violationsInBothSchemes } from "./testing/axe.ts";
import { startBank, type BankServer } from "./testing/bank-server.ts";
import { openProfile } from "./testing/browsers/browser-profile.ts";

const { url: databaseUrl, pool } = await freshDatabase();
let shared: BankServer;
beforeAll(async () => {
  shared = await startBank(databaseUrl);
});
afterAll(() => shared?.remove());

/** A browser of somebody whom the bank does not know. */
async function stranger(bank = shared): Promise<BrowserContext> {
  const profile = await openProfile(bank.url, { person: null, alone: true, width: 390 });
  onTestFinished(() => profile.close());
  return profile.context;
}

/** Fills in a transfer until the bank asks who confirms it. Gives its path. */
async function untilReview(page: Page, bank: string): Promise<string> {
  await page.goto(bank);
  await page.getByRole("button", { name: "Begin a transfer first" }).click();
  await page.getByLabel("Name").fill("Grace Hopper");
  await page.getByLabel("IBAN").fill("BE95 7351 9061 2058");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Amount in euros").fill("12,50");
  await page.getByLabel("Reference").fill("For lunch");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Sign in to confirm this transfer.").waitFor();
  return new URL(page.url()).pathname;
}

async function signIn(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Fill in Ada Lovelace" }).click();
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** The transfer stands at the review with every field, and is sent once. */
async function send(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Send €12.50", disabled: false }).waitFor();
  for (const text of ["Grace Hopper", "For lunch"]) await page.getByText(text).first().waitFor();
  // The stranger's device is the person's: nothing was changed elsewhere.
  expect(await page.getByText("Last change on").count()).toBe(0);
  await page.getByRole("button", { name: "Send €12.50", disabled: false }).click();
  await page.getByRole("heading", { name: "The money is on its way" }).waitFor();
}

const payments = async () =>
  (await pool.query<{ count: number }>("select count(*)::int as count from bank.ledger")).rows[0]!.count;

test.each([
  ["PostgreSQL", databaseUrl],
  ["PGlite", undefined],
])(
  "S20: on %s a stranger fills in a transfer, and after the password it stands at review, and the money moves once",
  async (_, url) => {
    const bank = await startBank(url);
    onTestFinished(() => bank.remove());
    const page = await (await stranger(bank)).newPage();
    const session = (await untilReview(page, bank.url)).split("/").at(-1);
    await signIn(page);
    await send(page);
    await bank.stop();
    const { ledger } = await bank.books();
    expect(ledger.filter((payment) => payment.session === session)).toEqual([{ session, cents: 1_250 }]);
  },
);

test("a stranger sees the transfer beside the sign-in, and changes it; the screens with a question or an error pass axe at 390 and 1280 pixels", async () => {
  const page = await (await stranger()).newPage();
  const passesAxe = async () => {
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await violationsInBothSchemes(page)).toEqual([]);
    }
  };
  await untilReview(page, shared.url);
  await page.getByText("Grace Hopper").first().waitFor();
  await passesAxe();
  await page.getByRole("link", { name: "Change amount" }).click();
  await page.getByLabel("Amount in euros").fill("");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText(/Enter/).first().waitFor();
  await passesAxe();
  await page.getByLabel("Amount in euros").fill("13,00");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("€13.00").waitFor();
  await page.getByLabel("Customer").fill("ada");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("do not belong together").waitFor();
  await passesAxe();
  await signIn(page);
  await page.getByRole("button", { name: "Send €13.00", disabled: false }).waitFor();
});

test("S20: the stranger's other tab follows the sign-in, and sends the same transfer, once", async () => {
  const context = await stranger();
  const [page, other] = [await context.newPage(), await context.newPage()];
  const path = await untilReview(page, shared.url);
  await other.goto(shared.url + path);
  await other.getByText("Sign in to confirm this transfer.").waitFor();
  const before = await payments();
  await signIn(page);
  await send(other);
  await page.getByRole("heading", { name: "The money is on its way" }).waitFor();
  expect((await payments()) - before).toBe(1);
});

test("S20: so it does when the tab is closed at the press, and when the network is cut before it", async () => {
  const context = await stranger();
  const page = await context.newPage();
  const path = await untilReview(page, shared.url);
  // The sign-in reaches the bank, and nothing after it.
  await page.route(/sessions\.|signIns\./, (route) => route.abort());
  const answered = page.waitForResponse(/trpc\/signIn$/);
  await signIn(page);
  await answered;
  await page.close({ runBeforeUnload: false });
  const before = await payments();
  const next = await context.newPage();
  await next.goto(shared.url + path);
  await send(next);
  expect((await payments()) - before).toBe(1);
});

test("S20: so it does when the server is killed while it signs the stranger in", async () => {
  const killed = await startBank(databaseUrl);
  const page = await (await stranger(killed)).newPage();
  const path = await untilReview(page, killed.url);
  const before = await payments();
  const asked = page.waitForRequest(/trpc\/signIn$/);
  await signIn(page);
  await asked;
  await killed.remove();
  const server = await startBank(databaseUrl, new URL(killed.url).port);
  onTestFinished(() => server.remove());
  await page.goto(server.url + path);
  const signInButton = page.getByRole("button", { name: "Sign in", exact: true });
  await signInButton.or(page.getByRole("button", { name: "Send €12.50" })).waitFor();
  // Nobody knows whether the sign-in was committed. If its answer was lost, the person signs in again.
  if (await signInButton.isVisible()) await signIn(page);
  await send(page);
  expect((await payments()) - before).toBe(1);
});
