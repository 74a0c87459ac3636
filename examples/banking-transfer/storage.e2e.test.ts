import type { Page } from "playwright";
import { expect, onTestFinished, test } from "vitest";
import { openBareBrowser, signIn } from "./testing/browsers/bare-browser.ts";
import type { BrowserProfile } from "./testing/browsers/browser-profile.ts";
import { runBank } from "./testing/running-bank.ts";

const bank = await runBank();

const device = () => bank.profile({ alone: true, onDisk: true });

/** Blocks the requests of the sessions. The bank still tells who is signed in. */
async function cutOff({ context }: BrowserProfile): Promise<void> {
  await context.route("**/trpc/sessions.*", (route) => route.abort());
}

/** Deletes a page's data as a browser does when it needs space. Cookies stay. */
async function clearStorage(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const origin = new URL(bank.url).origin;
  await session.send("Storage.clearDataForOrigin", { origin, storageTypes: "indexeddb,local_storage" });
}

async function typeName(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "New transfer" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByText("changes wait on this device").first().waitFor();
}

const notice = (page: Page) => page.getByRole("alert").filter({ hasText: "This browser has deleted" });

test("S13: when the browser has deleted unsent work, the person is told so, once, and it is the same device as before", async () => {
  const phone = await device();
  const page = await phone.open("/");
  await page.getByRole("button", { name: "New transfer" }).click();
  await page.getByLabel("Name").fill("Sent Before");
  await page.getByText("All changes saved").first().waitFor();
  await page.getByRole("link", { name: "Harbour Bank" }).click();
  await cutOff(phone);
  await typeName(page, "Never Sent");
  await page.close();

  const [other] = phone.context.pages();
  await clearStorage(other!);
  await phone.context.unrouteAll();
  const after = await phone.open("/");
  await notice(after).waitFor();
  await after.getByRole("link", { name: "Resume To Sent Before" }).waitFor();
  await after.getByRole("button", { name: "I have read this" }).click();
  await notice(after).waitFor({ state: "detached" });

  // Earlier changes still belong to this device.
  await after.getByRole("link", { name: "Resume To Sent Before" }).click();
  expect(await after.getByText("Last change on").count()).toBe(0);
  await after.close();
  const next = await phone.open("/");
  await next.getByRole("link", { name: "Resume To Sent Before" }).waitFor();
  expect(await notice(next).count()).toBe(0);
});

test("S13: storage deleted under an open page is written again, and a page that is opened later has it all", async () => {
  const phone = await device();
  await cutOff(phone);
  const page = await phone.open("/");
  await typeName(page, "Typed Before");
  await clearStorage(page);
  await expect.poll(() => page.evaluate(recordsKept)).toContain("Typed Before");
  await page.getByLabel("IBAN").fill("BE68 5390");
  // One more change in the same step. The page's text does not change before it is stored.
  await expect.poll(() => page.evaluate(recordsKept)).toContain("BE68 5390");
  await page.close();

  const later = await phone.open("/");
  await later.getByRole("link", { name: "Resume To Typed Before" }).click();
  expect(await later.getByLabel("Name").inputValue()).toBe("Typed Before");
  expect(await later.getByLabel("IBAN").inputValue()).toBe("BE68 5390");
  expect(await notice(later).count()).toBe(0);
  await phone.context.unrouteAll();
  await later.getByText("All changes saved").first().waitFor();
});

test("S13: without room on the disk changes wait in the tab, which says so, until there is room", async () => {
  const browser = await openBareBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.open("about:blank");
  // Before any write: for half a minute, a browser uses the free space that it found first.
  const origin = new URL(bank.url).origin;
  await page.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
  await signIn(page, bank.url, "grace");
  const text = () => page.evaluate<string>("document.body.innerText");
  await page.send("Page.navigate", { url: bank.url });
  await expect.poll(text).toContain("None.");

  const connection = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
  await page.send("Network.emulateNetworkConditions", { offline: true, ...connection });
  await page.evaluate("document.querySelector('.new button').click()");
  await expect.poll(() => page.evaluate("location.pathname")).toContain("/transfers/");
  await page.evaluate("document.querySelector('input').focus()");
  await page.send("Input.insertText", { text: "Ada" });
  await expect.poll(text).toContain("2 changes wait in this tab only");

  await page.send("Storage.overrideQuotaForOrigin", { origin });
  await page.send("Input.insertText", { text: " Lovelace" });
  await expect.poll(text).toContain("2 changes wait on this device");
  await page.send("Network.emulateNetworkConditions", { offline: false, ...connection });
  await expect.poll(text, { timeout: 10_000 }).toContain("All changes saved");
  expect(await page.evaluate("document.querySelector('input').value")).toBe("Ada Lovelace");
});

/** The stored data of this browser's sessions, as text. Runs in the page. */
async function recordsKept(): Promise<string> {
  const [found] = await indexedDB.databases();
  if (found === undefined) return "";
  const opening = indexedDB.open(found.name!);
  await new Promise((resolve) => (opening.onsuccess = resolve));
  const database = opening.result;
  const reading = database.transaction("records").objectStore("records").getAll();
  await new Promise((resolve) => (reading.onsuccess = resolve));
  database.close();
  return JSON.stringify(reading.result);
}
