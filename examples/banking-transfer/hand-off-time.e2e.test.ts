import type { Page } from "playwright";
import { expect, onTestFinished, test } from "vitest";
import { repetitions } from "../../scripts/repetitions.ts";
import { runBankInProcess } from "./testing/bank-in-process.ts";
import { openProfile } from "./testing/browsers/browser-profile.ts";
import { beginTransfer } from "./testing/transfer-form.ts";

const bank = await runBankInProcess();

/** A page of a Chromium of its own. */
async function openPage(person: "ada" | null, width: number): Promise<Page> {
  const profile = await openProfile(bank.url, { person, width, alone: true, onDisk: true });
  onTestFinished(() => profile.close());
  return profile.open("/");
}

/** The computer asks, again after it was a guest, and the phone lets it in. Gives the time from the press to the step. */
async function timeOfRound(phone: Page, computer: Page): Promise<number> {
  const answered = computer.waitForResponse(/handOff\.ask/);
  await computer.goto(`${bank.url}/hand-off`);
  const { result } = (await (await answered).json()) as { readonly result: { readonly data: Asked } };
  const { code, number } = result.data;
  await phone.goto("about:blank");
  await phone.goto(`${bank.url}/hand-off#${code}`);
  const button = phone.getByRole("button", { name: String(number), exact: true });
  await button.waitFor();
  const shown = computer.getByLabel("Amount in euros").waitFor();
  const pressedMs = performance.now();
  await button.click();
  await shown;
  const timeMs = performance.now() - pressedMs;
  // The phone shows it soon, with the button that ends it.
  await phone.getByText("takes part in this transfer").waitFor({ timeout: 3_500 });
  await phone.getByRole("button", { name: /^End/ }).click();
  await computer.getByRole("heading", { name: "Sign in" }).waitFor();
  return timeMs;
}

interface Asked {
  readonly code: string;
  readonly number: number;
}

test("S21: from the press on the phone to the step on the computer, and again after the guest has ended, it takes under a second", async () => {
  const [phone, computer] = [await openPage("ada", 390), await openPage(null, 1280)];
  await beginTransfer(phone);
  const times: number[] = [];
  for (let round = 0; round < repetitions({ few: 3, many: 21 }); round += 1) {
    times.push(await timeOfRound(phone, computer));
  }
  const median = times.toSorted((one, other) => one - other)[Math.floor(times.length / 2)]!;
  // The computer asks each half second, so it is a quarter of a second in the mean, and what the two pages take.
  expect(median).toBeLessThan(1_000);
});
