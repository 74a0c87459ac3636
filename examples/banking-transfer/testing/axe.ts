import axe from "axe-core";
import type { Page } from "playwright";

/** The rules of axe that a page breaks, each with the elements that break it. `rules`: only these. */
export async function violationsOf(page: Page, rules?: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate(
    (runOnly) => (globalThis as unknown as { axe: typeof axe }).axe.run(runOnly ? { runOnly } : {}),
    rules && [...rules],
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** What a page breaks in light and in dark, at its present width: of all rules, those about colours depend on the scheme. */
export async function violationsInBothSchemes(page: Page): Promise<string[]> {
  const change = async (colorScheme: "dark" | "light") => {
    await page.emulateMedia({ colorScheme });
    // A colour is between two others while it changes.
    await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => {}))));
  };
  await change("dark");
  const inDark = await violationsOf(page, ["color-contrast", "link-in-text-block"]);
  await change("light");
  return [...(await violationsOf(page)), ...inDark.map((violation) => `in dark: ${violation}`)];
}
