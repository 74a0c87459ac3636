import { expect, test } from "vitest";
import { violationsOf } from "./testing/axe.ts";
import { runBank } from "./testing/running-bank.ts";
import { beginTransfer, sendsExactly, submitAmount } from "./testing/transfer-form.ts";

const bank = await runBank();

const { profile } = bank;

test("S3: two devices change one step; the late one is shown both and decides", async () => {
  const [phone, laptop] = [await profile({ width: 375 }), await profile()];
  const late = await phone.open("/");
  await beginTransfer(late);
  await submitAmount(late, "100");
  await sendsExactly(late, "€100.00");
  const early = await laptop.open("/");
  await early.getByRole("button", { name: "Rename this device" }).click();
  await early.getByLabel("Name").fill("Kitchen laptop");
  await early.getByRole("button", { name: "Save" }).click();
  await early.getByText("This device is called Kitchen laptop.").waitFor();
  await early.goto(bank.url + new URL(late.url()).pathname);

  for (const { theirs, mine, decision, button, stands } of [
    { theirs: "€120.00", mine: "€150.00", decision: "Here, not saved", button: "Save mine instead", stands: "€150.00" },
    {
      theirs: "€130.00",
      mine: "€170.00",
      decision: "Kitchen laptop",
      button: "Keep what is saved",
      stands: "€130.00",
    },
  ]) {
    await phone.context.setOffline(true);
    await late.getByRole("link", { name: "Change amount" }).click();
    await submitAmount(late, mine.slice(1));
    await late.getByText("Offline: 1 change waits on this device").first().waitFor();

    await early.getByRole("link", { name: "Change amount" }).click();
    await submitAmount(early, theirs.slice(1));
    await sendsExactly(early, theirs);

    await phone.context.setOffline(false);
    const question = late.getByRole("region", { name: "A change to decide on" });
    await question.waitFor();
    expect(await question.locator("b").allInnerTexts()).toEqual([theirs, mine]);
    expect(await question.getByRole("radio", { checked: true }).count()).toBe(0);
    await question.getByRole("radio", { name: decision }).check();
    await question.getByRole("button", { name: button }).click();

    await question.waitFor({ state: "detached" });
    if (stands === mine) {
      // The amount changes just before a press: the button is off for a moment, and the page says why.
      const send = early.getByRole("button", { name: `Send ${mine}`, disabled: true });
      await send.click({ force: true });
      await early.getByText("Amount changed on another device just now: look at it before you send.").waitFor();
    }
    await sendsExactly(late, stands);
    await sendsExactly(early, stands);
  }
});

test("S4: what was typed offline is kept aside when another device types over it or submits the step, and chosen field by field", async () => {
  const [phone, laptop] = [await profile({ width: 375 }), await profile()];
  const late = await phone.open("/");
  await beginTransfer(late);
  await late.getByRole("heading", { name: "Amount" }).waitFor();
  await late.getByText("All changes saved").first().waitFor();
  const early = await laptop.open(new URL(late.url()).pathname);
  const question = late.getByRole("region", { name: "A change to decide on" });

  await phone.context.setOffline(true);
  await late.getByLabel("Reference").fill("Rent for April");
  await late.getByText("Offline: 1 change waits on this device").first().waitFor();
  await early.getByLabel("Reference").fill("Rent for March");
  await early.getByLabel("Amount in euros").focus();
  await early.getByText("All changes saved").first().waitFor();
  await phone.context.setOffline(false);
  await question.getByRole("heading", { name: /^Chrome on Linux( \d)? typed over what you wrote here$/ }).waitFor();
  expect(await question.locator("label").allInnerTexts()).toEqual([
    "Typed on another device\nRent for March",
    "What you typed here\nRent for April",
  ]);
  expect(await question.getByRole("radio", { checked: true }).count()).toBe(0);
  expect(await violationsOf(late)).toEqual([]);
  // By keyboard alone.
  await question.getByRole("button", { name: "Use what is chosen" }).press("Enter");
  // Nobody types in the field now.
  await expect.poll(() => late.getByLabel("Reference").inputValue()).toBe("Rent for March");
  await late.keyboard.press("Space");
  await question.getByRole("button", { name: "Leave the form as it is" }).waitFor();
  await late.keyboard.press("ArrowDown");
  await question.getByRole("button", { name: "Put it into the form" }).press("Enter");
  await question.waitFor({ state: "detached" });
  for (const page of [late, early]) {
    await expect.poll(() => page.getByLabel("Reference").inputValue()).toBe("Rent for April");
  }

  await phone.context.setOffline(true);
  await late.getByLabel("Amount in euros").fill("55");
  await late.getByLabel("Reference").fill("Rent for May");
  await late.getByText("Offline: 1 change waits on this device").first().waitFor();

  await early.getByLabel("Reference").fill("Rent");
  await submitAmount(early, "60");
  await sendsExactly(early, "€60.00");
  await phone.context.setOffline(false);
  await question.waitFor();
  expect(await question.locator("b").allInnerTexts()).toEqual(["€60.00", "55", "Rent", "Rent for May"]);

  expect(await violationsOf(late)).toEqual([]);

  // By keyboard alone.
  await question.getByRole("button", { name: "Use what is chosen" }).press("Enter");
  expect(await question.getByText("Choose one of the two.").count()).toBe(2);
  await late.keyboard.press("Space");
  await question.getByRole("group", { name: "Reference" }).getByRole("radio", { name: "Chrome on Linux" }).focus();
  await late.keyboard.press("ArrowDown");
  await question.getByRole("button", { name: "Put it into the form" }).press("Enter");
  await question.waitFor({ state: "detached" });
  await late.getByRole("heading", { name: "Amount" }).waitFor();
  expect(await late.getByLabel("Reference").inputValue()).toBe("Rent for May");
  expect(await late.getByLabel("Amount in euros").inputValue()).toBe("60.00");
  await late.getByRole("button", { name: "Continue" }).click();
  await sendsExactly(early, "€60.00");
  await early.getByText("Rent for May").waitFor();
  await early.getByRole("button", { name: "Cancel this transfer" }).click();
  await early.getByRole("button", { name: "Cancel it" }).click();
  await late.getByText(/Cancelled on Chrome on Linux( \d)? just now/).waitFor();
});
