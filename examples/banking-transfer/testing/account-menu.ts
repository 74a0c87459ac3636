import type { FrameLocator, Page } from "playwright";

/** Opens the menu with the person's name. */
export async function openMenu(page: Page | FrameLocator): Promise<void> {
  await page.getByRole("button", { expanded: false }).click();
}

/** Presses "Sign out" in that menu. */
export async function beginSignOut(page: Page | FrameLocator): Promise<void> {
  await openMenu(page);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
}
