import type { Page } from "playwright";
import { expect, onTestFinished, test } from "vitest";
import { openBareBrowser, signIn, type BareTab } from "./testing/browsers/bare-browser.ts";
import { runBank } from "./testing/running-bank.ts";

const bank = await runBank();

/** Five tabs of one browser, and the order in which they opened a stream. */
async function fiveTabs(): Promise<{ tabs: Page[]; leaders: Page[] }> {
  const device = await bank.profile({ alone: true });
  const leaders: Page[] = [];
  device.context.on("request", (request) => {
    if (request.url().includes("sessions.watch")) leaders.push(request.frame().page());
  });
  const tabs: Page[] = [];
  for (let count = 0; count < 5; count += 1) tabs.push(await device.open("/"));
  await expect.poll(() => leaders.length).toBe(1);
  return { tabs, leaders };
}

const openTransfers = (page: Page) => page.getByRole("listitem").filter({ hasText: "Resume" });

/** How many open transfers a page lists. */
const LISTED = "document.querySelectorAll('.transfers a.button').length";

test("S10: of five tabs one holds the stream; when it is frozen another takes over, and it follows once it wakes", async () => {
  const browser = await openBareBrowser();
  onTestFinished(() => browser.close());
  // The tab of the sign-in is not one of the five.
  const first = await browser.open("about:blank");
  await signIn(first, bank.url, "grace");
  await first.send("Page.navigate", { url: "about:blank" });

  const leaders: number[] = [];
  const tabs: BareTab[] = [];
  for (let index = 0; index < 5; index += 1) {
    const watch = (url: string) => void (url.includes("sessions.watch") && leaders.push(index));
    tabs.push(await browser.open(bank.url, watch));
  }
  for (const tab of tabs) {
    await expect.poll(() => tab.evaluate("document.body.innerText"), { timeout: 15_000 }).toContain("None.");
  }
  await expect.poll(() => leaders.length).toBe(1);
  const frozen = tabs[leaders[0]!]!;
  const others = tabs.filter((tab) => tab !== frozen);

  const frozenAtMs = performance.now();
  await frozen.send("Page.setWebLifecycleState", { state: "frozen" });
  await expect.poll(() => leaders.length, { interval: 10, timeout: 5_000 }).toBe(2);
  console.error(`Handed over in ${Math.round(performance.now() - frozenAtMs)} ms.`);
  expect(leaders[1]).not.toBe(leaders[0]);

  // The bank gets a change of one tab, and each other tab shows it.
  await others[0]!.evaluate("document.querySelector('.new button').click()");
  await expect.poll(() => others[0]!.evaluate("document.body.innerText")).toContain("All changes saved");
  for (const tab of others.slice(1)) await expect.poll(() => tab.evaluate(LISTED)).toBe(1);

  await frozen.send("Page.setWebLifecycleState", { state: "active" });
  await expect.poll(() => frozen.evaluate(LISTED)).toBe(1);
  expect(leaders).toHaveLength(2);
});

test("S4: when the tab that sends is killed, another one sends what was being typed", async () => {
  const { tabs, leaders } = await fiveTabs();
  const [killed] = leaders;
  const typing = tabs.find((page) => page !== killed)!;
  await typing.getByRole("button", { name: "New transfer" }).click();
  await typing.getByLabel("Name").pressSequentially("Jean");

  const crashed = killed!.waitForEvent("crash");
  const session = await killed!.context().newCDPSession(killed!);
  // A crashed tab never answers this command.
  session.send("Page.crash").catch(() => {});
  await crashed;
  await typing.getByLabel("Name").pressSequentially("ne Peeters");
  await typing.getByText("All changes saved").first().waitFor();
  expect(leaders).toHaveLength(2);
  expect(leaders[1]).not.toBe(killed);

  const elsewhere = await bank.profile();
  await openTransfers(await elsewhere.open("/"))
    .filter({ hasText: "To Jeanne Peeters" })
    .first()
    .waitFor();
});
