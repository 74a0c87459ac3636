import { expect } from "vitest";
import { openScreen, type BrowserName } from "./browsers.ts";

/** Begins a transfer in one browser, and finishes it in another. Both show all the way what the other one does. */
export async function finishElsewhere(bank: string, first: BrowserName, second: BrowserName): Promise<void> {
  const [phone, laptop] = await Promise.all([openScreen(bank, first, { width: 375 }), openScreen(bank, second)]);
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
}
