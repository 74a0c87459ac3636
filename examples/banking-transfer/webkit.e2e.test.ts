// Skipped where there is no WebKitGTK: `apt-get install python3-gi gir1.2-webkit2-4.1 xvfb`.
import { describe, expect, test } from "vitest";
import { runBank } from "./testing/running-bank.ts";
import { hasWebKit, openWebKit, type WebKitPage } from "./testing/browsers/webkit.ts";

const bank = await runBank();

const press = (page: WebKitPage, button: string) =>
  page.evaluate(
    `[...document.querySelectorAll("button")].find(({ innerText }) => innerText === ${JSON.stringify(button)}).click()`,
  );

describe.skipIf(!(await hasWebKit()))("WebKit", () => {
  test.each([
    ["BroadcastChannel", "delete window.BroadcastChannel;"],
    ["Web Locks", "Object.defineProperty(navigator, 'locks', { value: undefined });"],
  ])("without %s it shows a transfer, and what it asks takes no more room than it needs", async (_what, remove) => {
    const page = await openWebKit({ width: 390 });
    await page.before(remove);
    await page.signIn(bank.url);
    await page.open(bank.url);
    await page.reads("Open transfers");
    await press(page, "New transfer");
    await page.reads("All changes saved");
    await press(page, "Cancel this transfer");
    const [question, window] = await page.evaluate<[number, number]>(
      "return [document.querySelector('dialog[open]').clientHeight, innerHeight]",
    );
    expect(question).toBeLessThan(window / 2);
    await press(page, "Cancel it");
    await page.reads("cancelled");
  });
});
