import type { FrameLocator, Page } from "playwright";

/** Fills in the amount, and goes on. */
export async function submitAmount(page: Page | FrameLocator, amount: string): Promise<void> {
  await page.getByLabel("Amount in euros").fill(amount);
  await page.getByRole("button", { name: "Continue" }).click();
}

/** Begins a transfer, and fills in its recipient. */
export async function beginTransfer(page: Page | FrameLocator): Promise<void> {
  await page.getByRole("button", { name: "New transfer" }).click();
  await page.getByLabel("Name").fill("Jeanne Peeters");
  await page.getByLabel("IBAN").fill("BE68 5390 0754 7034");
  await page.getByRole("button", { name: "Continue" }).click();
}

/** Waits until the last step offers to send this amount. */
export const sendsExactly = (page: Page, amount: string) =>
  page.getByRole("button", { name: `Send ${amount}`, disabled: false }).waitFor();
