// Skipped where there is no WebKitGTK: `apt-get install python3-gi gir1.2-webkit2-4.1 xvfb`.
import { describe, expect, test, vi } from "vitest";
import { countStreams } from "./testing/counting-proxy.ts";
import { runBank } from "./testing/running-bank.ts";
import { hasWebKit, openWebKit, type WebKitPage } from "./testing/browsers/webkit.ts";

const bank = await runBank();

const until = <T>(look: () => Promise<T>) => vi.waitFor(look, { timeout: 15_000, interval: 20 });
const fields = (page: WebKitPage) =>
  page.evaluate<string[]>("return [...document.querySelectorAll('form input')].map(({ value }) => value)");

/** Records the document's own events, and errors that no page shows. */
const witness = `
  window.told = [];
  addEventListener("pageshow", ({ persisted }) => told.push(persisted ? "back" : "new"));
  addEventListener("error", ({ message }) => told.push(message));
  addEventListener("unhandledrejection", ({ reason }) => told.push(String(reason)));
`;

describe.skipIf(!(await hasWebKit()))("WebKit", () => {
  test("S10: back from the back-forward cache it says nothing, shows what it showed, and opens one stream", async () => {
    const laptop = await (await bank.profile()).open("/");
    await laptop.getByRole("button", { name: "New transfer" }).click();
    await laptop.getByLabel("IBAN").fill("BE68 5390 0754 7034");
    await laptop.getByText("All changes saved").first().waitFor();

    const { pathname: path } = new URL(laptop.url());
    const streams = await countStreams(bank.url);
    const page = await openWebKit({ width: 390 });
    await page.before(witness);
    await page.signIn(streams.url);
    await page.open(streams.url + path);
    await until(async () => expect(await fields(page)).toEqual(["", "BE68 5390 0754 7034"]));
    const isAt = (there: string) =>
      until(async () => expect(await page.evaluate("return location.pathname")).toBe(there));
    const leave = async () => {
      // A page without a script, with the bank's own policies. Other policies would load it in another process.
      await page.open(`${streams.url}/trpc/me`);
      await isAt("/trpc/me");
      await until(async () => expect(streams.open).toBe(0));
    };

    for (const round of [1, 2, 3, 4, 5]) {
      await leave();
      const { opened } = streams;
      await laptop.getByLabel("Name").fill(`Grace ${round}`);
      await laptop.getByText("All changes saved").first().waitFor();
      await page.back();
      await until(async () => expect(await fields(page)).toEqual([`Grace ${round}`, "BE68 5390 0754 7034"]));
      await laptop.getByLabel("Name").fill(`Hopper ${round}`);
      await until(async () => expect(await fields(page)).toEqual([`Hopper ${round}`, "BE68 5390 0754 7034"]));
      expect([streams.open, streams.opened - opened]).toEqual([1, 1]);
      expect(await page.evaluate("return told")).toEqual(["new", ...Array<string>(round).fill("back")]);
    }

    await leave();
    for (let times = 0; times < 5; times += 1) {
      await page.back();
      await isAt(path);
      await page.forward();
      await isAt("/trpc/me");
    }
    await page.back();
    await page.reads("All changes saved");
    await laptop.getByLabel("Name").fill("Ada");
    await until(async () => expect(await fields(page)).toEqual(["Ada", "BE68 5390 0754 7034"]));
    expect(streams.open).toBe(1);
    expect(new Set(await page.evaluate<string[]>("return told"))).toEqual(new Set(["new", "back"]));
  });
});
