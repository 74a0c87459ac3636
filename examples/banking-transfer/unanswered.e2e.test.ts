import type { Page } from "playwright";
import { expect, onTestFinished, test } from "vitest";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";
import { startBank, type BankServer } from "./testing/bank-server.ts";
import { openProfile } from "./testing/browsers/browser-profile.ts";

const databases = [await freshDatabase(), await freshDatabase(), await freshDatabase()] as const;

async function start(databaseUrl: string, port?: string): Promise<BankServer> {
  const server = await startBank(databaseUrl, port);
  onTestFinished(() => server.remove());
  return server;
}

/** A transfer of €15 that only needs its confirmation. */
async function readyToSend(server: BankServer): Promise<Page> {
  const profile = await openProfile(server.url);
  onTestFinished(() => profile.close());
  const page = await profile.open("/");
  await page.getByRole("button", { name: "New transfer" }).click();
  await page.getByLabel("Name").fill("Jeanne Peeters");
  await page.getByLabel("IBAN").fill("BE68 5390 0754 7034");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Amount in euros").fill("15");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: "Send €15.00", disabled: false }).waitFor();
  return page;
}

const unconfirmed = (page: Page) =>
  page.getByText("it is not known yet whether the money was sent").waitFor({ timeout: 60_000 });

/** Moves the page's clock forward by a minute, until the next load. */
const waitAMinute = (page: Page) =>
  page.evaluate(() => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + 60_000;
  });

test("S2: the bank dies before its answer arrives; once it is back, the page says that the money was sent, once", async () => {
  const server = await start(databases[0].url);
  const page = await readyToSend(server);
  await page.route(
    "**/sessions.push*",
    async (route) => {
      // The bank has committed and answered. The answer does not arrive.
      await route.fetch();
      await server.remove();
      await route.abort();
    },
    { times: 1 },
  );
  await page.getByRole("button", { name: "Send €15.00" }).click();
  await expect
    .poll(() =>
      fetch(server.url).then(
        () => "answers",
        () => "is dead",
      ),
    )
    .toBe("is dead");

  const again = await start(databases[0].url, new URL(server.url).port);
  await page.getByRole("heading", { name: "The money is on its way" }).waitFor({ timeout: 60_000 });
  await again.stop();
  expect((await again.books()).ledger).toHaveLength(1);
});

test("S2: of a confirmation that never reached the bank the page says that it is not known, after a reload too, until the bank says no", async () => {
  const server = await start(databases[1].url);
  const page = await readyToSend(server);
  await page.route("**/sessions.{push,receipt}*", (route) => route.abort());
  await page.getByRole("button", { name: "Send €15.00" }).click();
  await page.locator(".sync", { hasText: "Waiting for the bank’s answer…" }).waitFor();
  await waitAMinute(page);
  await unconfirmed(page);
  const notKnown = page.getByText("Not known yet whether it was sent").first();
  await notKnown.waitFor();
  expect(await page.getByText("All changes saved").count()).toBe(0);

  // The page says so again after a return and after a reload.
  await page.getByRole("link", { name: "Harbour Bank" }).click();
  await notKnown.waitFor();
  await page.reload();
  await notKnown.waitFor();
  await page.getByRole("link", { name: "Resume" }).click();
  await unconfirmed(page);
  await page.getByRole("button", { name: "Send €15.00", disabled: true }).waitFor();
  await page.getByRole("button", { name: "Cancel this transfer", disabled: true }).waitFor();
  await waitAMinute(page);
  await page.unrouteAll();
  await page.getByText("So far the bank has not sent the money.").waitFor({ timeout: 60_000 });
  await page.getByText("it is not known yet").waitFor({ state: "detached" });
  await page.getByText("All changes saved").first().waitFor();
  await page.getByRole("button", { name: "Send €15.00", disabled: false }).click();
  await page.getByRole("heading", { name: "The money is on its way" }).waitFor();
  await server.stop();
  expect((await server.books()).ledger).toHaveLength(1);
});

test("S2: while the bank hangs over a confirmation nothing is cancelled or said to be, and then the money is sent", async () => {
  const server = await start(databases[2].url);
  const page = await readyToSend(server);
  // Every sentence that the page shows at any moment.
  await page.evaluate(() => {
    const said = new Set<string>();
    const watch = new MutationObserver(() => {
      for (const words of ["was cancelled", "is being cancelled", "No money was sent"]) {
        if (document.body.innerText.includes(words)) said.add(words);
      }
      document.body.dataset["said"] = [...said].join();
    });
    watch.observe(document.getElementById("root")!, { subtree: true, childList: true, characterData: true });
  });
  const cancel = page.getByRole("button", { name: "Cancel this transfer" });
  await cancel.click();
  const dialog = page.getByRole("dialog", { name: "Cancel this transfer?" });
  server.freeze();
  // The question is open when the money is sent.
  await page.evaluate(() => {
    const [send] = [...document.querySelectorAll("button")].filter(({ innerText }) => innerText.startsWith("Send"));
    send?.click();
  });
  await dialog.getByText("It cannot be cancelled meanwhile.").waitFor();
  await dialog.getByRole("button", { name: "Cancel it", disabled: true }).click({ force: true });
  await dialog.getByRole("button", { name: "Keep it" }).click();
  await page.getByRole("button", { name: "Cancel this transfer", disabled: true }).click({ force: true });
  expect(await dialog.isVisible()).toBe(false);

  server.thaw();
  await page.getByRole("heading", { name: "The money is on its way" }).waitFor({ timeout: 60_000 });
  expect(await page.evaluate(() => document.body.dataset["said"])).toBe("");
  await server.stop();
  expect((await server.books()).ledger).toHaveLength(1);
});
