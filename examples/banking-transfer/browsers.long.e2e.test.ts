// Skipped where no Firefox is installed: `apt-get install firefox-esr`, or its path in FIREFOX.
import { expect, test } from "vitest";
import { installed, openScreen } from "./testing/browsers/browsers.ts";
import { finishElsewhere } from "./testing/browsers/finish-elsewhere.ts";
import { runBank } from "./testing/running-bank.ts";

const bank = await runBank();
const hasFirefox = (await installed("firefox")) !== undefined;

test.skipIf(!hasFirefox).each(["chromium", "firefox"] as const)(
  "S1: a transfer begun in Firefox is finished in %s",
  (other) => finishElsewhere(bank.url, "firefox", other),
);

test.skipIf(!hasFirefox)(
  "S21: Firefox keeps the key of a hand-over on its disk, and goes on with its code after a reload",
  async () => {
    const [phone, laptop] = await Promise.all([
      openScreen(bank.url, "chromium", { width: 375 }),
      openScreen(bank.url, "firefox", { person: null }),
    ]);
    await phone.press("New transfer");
    await phone.fill("Name", "Grace Hopper");
    await phone.fill("IBAN", "BE95 7351 9061 2058");
    await phone.press("Continue");
    await phone.reads("All changes saved");

    await laptop.open("/hand-off");
    await laptop.reads("Your number");
    const picture = () => Promise.resolve(document.querySelector("svg.qr path")!.getAttribute("d"));
    const before = await laptop.find(picture);
    const [{ code, number, isSecret }] = await laptop.find(keptRequests);
    expect(isSecret).toBe(true);
    await laptop.open("/hand-off");
    await laptop.reads("Your number");
    expect(await laptop.find(picture)).toBe(before);

    await phone.open(`/hand-off#${code}`);
    await phone.press(String(number));
    await laptop.reads("This computer takes part in one transfer.");
    await laptop.fill("Amount in euros", "12,50");
    await laptop.press("Continue");
    await laptop.reads("Confirm on your phone.");
  },
);

/** The requests that the browser keeps. It runs in the page. */
async function keptRequests(): Promise<[{ code: string; number: number; isSecret: boolean }]> {
  const settled = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const [{ name } = {}] = await indexedDB.databases();
  const database = await settled(indexedDB.open(name!));
  const kept = await settled(database.transaction("requests").objectStore("requests").getAll());
  database.close();
  const [{ code, number, privateKey }] = kept as [{ code: string; number: number; privateKey: CryptoKey }];
  return [{ code, number, isSecret: !privateKey.extractable && privateKey.type === "private" }];
}
