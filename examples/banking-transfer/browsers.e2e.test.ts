// Skipped where no Firefox is installed: `apt-get install firefox-esr`, or its path in FIREFOX.
import { describe, expect, test } from "vitest";
import { installed, openScreen } from "./testing/browsers.ts";
import { runBank } from "./testing/running-bank.ts";

const bank = await runBank();
const hasFirefox = (await installed("firefox")) !== undefined;

describe.each([
  ["firefox", "chromium"],
  ["chromium", "firefox"],
  ["firefox", "firefox"],
] as const)("from %s to %s", (first, second) => {
  test.skipIf(!hasFirefox)("S1: a transfer begun in one browser is finished in another", async () => {
    const [phone, laptop] = await Promise.all([
      openScreen(bank.url, first, { width: 375 }),
      openScreen(bank.url, second),
    ]);
    await phone.press("New transfer");
    await phone.fill("Name", "Grace Hopper");
    await phone.fill("IBAN", "BE95 7351 9061 2058");
    await phone.press("Continue");
    await phone.fill("Amount in euros", "12,");
    await phone.reads("All changes saved");

    await laptop.open(await phone.path());
    await laptop.shows("Amount in euros", "12,");
    await laptop.fill("Amount in euros", "12,50");
    await laptop.press("Continue");
    await phone.reads("Amount was filled in on");
    await laptop.press("Send €12.50");
    await laptop.reads("The money is on its way");
    await phone.reads("Finished on");
    expect(await phone.path()).toBe(await laptop.path());
  });
});
