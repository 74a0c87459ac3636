import { expect, test } from "vitest";
import { beginSignOut } from "./testing/account-menu.ts";
import { runBank } from "./testing/running-bank.ts";
import { beginTransfer, sendsExactly, submitAmount } from "./testing/transfer-form.ts";

const { profile } = await runBank();

test("S10: side by side, the laptop shows what is typed on the phone, follows it, and hears of the end", async () => {
  const device = await profile();
  const page = await device.open("/side-by-side");
  const [phone, laptop] = [page.frameLocator(".phone iframe"), page.frameLocator(".laptop iframe")];

  await phone.getByRole("button", { name: "New transfer" }).click();
  await phone.getByLabel("Name").pressSequentially("Jean");
  await laptop.getByRole("link", { name: "Resume To Jean" }).click();
  await expect.poll(() => laptop.getByLabel("Name").inputValue()).toBe("Jean");

  await phone.getByLabel("Name").press("End");
  await phone.getByLabel("Name").pressSequentially("ne Peeters");
  await expect.poll(() => laptop.getByLabel("Name").inputValue()).toBe("Jeanne Peeters");
  await phone.getByLabel("IBAN").fill("BE68 5390 0754 7034");
  await phone.getByRole("button", { name: "Continue" }).click();
  await laptop.getByText("Recipient was filled in on Ada’s phone").waitFor();
  await laptop.getByRole("heading", { name: "Amount" }).waitFor();

  await submitAmount(laptop, "40");
  await phone.getByText("Amount was filled in on Ada’s laptop").waitFor();
  await laptop.getByRole("button", { name: "Send €40.00", disabled: false }).click();
  await phone.getByText("Finished on Ada’s laptop just now").waitFor();
  expect(await phone.locator(".receipt").innerText()).toBe(await laptop.locator(".receipt").innerText());
});

test("a screen does not move on while its person types in it", async () => {
  const device = await profile();
  const [typed, other] = [await device.open("/?profile=laptop"), await device.open("/?profile=phone")];
  await beginTransfer(typed);
  await typed.getByLabel("Reference").pressSequentially("Rent for ");
  await other.goto(typed.url().replace("laptop", "phone"));
  await submitAmount(other, "70");

  await typed.getByText("Amount was filled in on Ada’s phone").waitFor();
  await typed.keyboard.type("May");
  expect(await typed.getByLabel("Reference").inputValue()).toBe("Rent for May");
});

test("what another device types shows in every field but the one being typed in, whose text and caret stay", async () => {
  const device = await profile();
  const [laptop, phone] = [await device.open("/?profile=laptop"), await device.open("/?profile=phone")];
  await laptop.getByRole("button", { name: "New transfer" }).click();
  const name = laptop.getByLabel("Name");
  await name.fill("Jee Peeters");
  for (const key of ["Home", "ArrowRight", "ArrowRight", "a"]) await name.press(key);

  await phone.goto(laptop.url().replace("laptop", "phone"));
  await expect.poll(() => phone.getByLabel("Name").inputValue()).toBe("Jeae Peeters");
  await phone.getByLabel("Name").fill("Grace");
  await phone.getByLabel("IBAN").fill("BE68");
  await expect.poll(() => laptop.getByLabel("IBAN").inputValue()).toBe("BE68");
  await laptop.keyboard.type("nn");
  expect(await name.inputValue()).toBe("Jeanne Peeters");
  await expect.poll(() => phone.getByLabel("Name").inputValue()).toBe("Jeanne Peeters");
  await phone.getByRole("button", { name: "Cancel this transfer" }).click();
  await phone.getByRole("button", { name: "Cancel it" }).click();
  await laptop.getByText("No money was sent.").waitFor();
});

test.each(["mouse", "keyboard"])("what is submitted by %s is what the field showed", async (by) => {
  const device = await profile();
  const [laptop, phone] = [await device.open("/?profile=laptop"), await device.open("/?profile=phone")];
  await beginTransfer(laptop);
  const amount = laptop.getByLabel("Amount in euros");
  await amount.pressSequentially("40");
  await phone.goto(laptop.url().replace("laptop", "phone"));
  await expect.poll(() => phone.getByLabel("Amount in euros").inputValue()).toBe("40");
  await phone.getByLabel("Amount in euros").fill("90");
  await laptop.getByText("Last change on Ada’s phone").waitFor();
  expect(await amount.inputValue()).toBe("40");

  const goOn = laptop.getByRole("button", { name: "Continue" });
  if (by === "mouse") await goOn.click();
  else {
    await goOn.focus();
    expect(await amount.inputValue()).toBe("40");
    await laptop.keyboard.press("Enter");
  }
  await sendsExactly(laptop, "€40.00");
  await laptop.getByRole("button", { name: "Cancel this transfer" }).click();
  await laptop.getByRole("button", { name: "Cancel it" }).click();
  await phone.getByText("No money was sent.").waitFor();
});

test("what another device mends is complained of no longer", async () => {
  const device = await profile();
  const [laptop, phone] = [await device.open("/?profile=laptop"), await device.open("/?profile=phone")];
  await laptop.getByRole("button", { name: "New transfer" }).click();
  await laptop.getByRole("button", { name: "Continue" }).click();
  await laptop.getByText("Enter the recipient's name.").waitFor();
  await laptop.getByText("This is not an IBAN").waitFor();

  await phone.goto(laptop.url().replace("laptop", "phone"));
  await phone.getByLabel("Name").fill("Jeanne");
  await laptop.getByText("Enter the recipient's name.").waitFor({ state: "detached" });
  expect(await laptop.getByLabel("Name").inputValue()).toBe("Jeanne");
  expect(await laptop.getByText("This is not an IBAN").count()).toBe(1);
  await phone.getByRole("button", { name: "Cancel this transfer" }).click();
  await phone.getByRole("button", { name: "Cancel it" }).click();
  await laptop.getByText("No money was sent.").waitFor();
});

test("the browser's back button leads to the step before, which can be submitted again", async () => {
  const page = await (await profile()).open("/");
  await beginTransfer(page);
  await submitAmount(page, "25");
  await sendsExactly(page, "€25.00");

  await page.goBack();
  await page.getByRole("heading", { name: "Amount" }).waitFor();
  expect(await page.getByLabel("Amount in euros").inputValue()).toBe("25.00");
  await submitAmount(page, "35");
  await sendsExactly(page, "€35.00");
  await page.getByRole("link", { name: "Change recipient" }).click();
  await expect.poll(() => page.getByLabel("IBAN").inputValue()).toBe("BE68 5390 0754 7034");
  await page.getByRole("button", { name: "Cancel this transfer" }).click();
  await page.getByRole("button", { name: "Cancel it" }).click();
  await page.getByText("No money was sent.").waitFor();
});

test("the bank's no is shown at the step, with what was typed", async () => {
  const page = await (await profile()).open("/");
  await beginTransfer(page);
  await submitAmount(page, "999999");
  await page.getByText("Your balance does not cover this amount and its fee.").waitFor();
  const amount = page.getByLabel("Amount in euros");
  expect(await amount.inputValue()).toMatch(/^999999(\.00)?$/);
  // The refusal is at its field, which has the focus.
  await expect
    .poll(() =>
      amount.evaluate((field) => {
        const described = (field.getAttribute("aria-describedby") ?? "")
          .split(" ")
          .map((id) => document.getElementById(id));
        return [document.activeElement === field, field.ariaInvalid, described.at(-1)?.textContent];
      }),
    )
    .toEqual([true, "true", "Your balance does not cover this amount and its fee."]);
  await page.getByText("All changes saved").first().waitFor();
});

test("S9: signing out on one page signs out the browser's other pages, and leaves nothing behind", async () => {
  const device = await profile();
  const page = await device.open("/side-by-side");
  const phone = page.frameLocator(".phone iframe");
  await page.frameLocator(".laptop iframe").getByRole("heading", { name: "Open transfers" }).waitFor();
  await phone.getByRole("button", { name: "New transfer" }).click();
  await phone.getByLabel("Name").fill("Secret Name");
  await phone.getByText("All changes saved").first().waitFor();
  await beginSignOut(phone);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();

  await page.getByRole("button", { name: "Fill in Grace Hopper" }).click();
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await phone.getByText("None. Begin one here").waitFor();
  expect(await page.frameLocator(".laptop iframe").getByText("Secret Name").count()).toBe(0);
});
