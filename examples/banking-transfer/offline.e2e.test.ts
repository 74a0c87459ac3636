import type { Page } from "playwright";
import { expect, onTestFinished, test } from "vitest";
import { TcpProxy } from "../../packages/server/src/testing/connections/tcp-proxy.ts";
import { openProfile } from "./testing/browsers/browser-profile.ts";
import { runBank } from "./testing/running-bank.ts";

const bank = await runBank();

async function open(url: string, width: number): Promise<Page> {
  const profile = await openProfile(url, { width, alone: true });
  onTestFinished(() => profile.close());
  return profile.open("/");
}

/** Cuts a page's connection and its stream, as the browser's own tools do. Returns a function that restores it. */
async function disconnect(page: Page, network: TcpProxy): Promise<() => Promise<unknown>> {
  const session = await page.context().newCDPSession(page);
  const emulate = (offline: boolean) =>
    session.send("Network.emulateNetworkConditions", {
      offline,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: -1,
    });
  await emulate(true);
  // The tools do not cut a response that has begun.
  network.cut();
  return () => emulate(false);
}

async function fillInRecipient(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("IBAN").fill("BE68 5390 0754 7034");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Amount" }).waitFor();
}

test("S3, S4: a flow filled in offline meets a device that went ahead: fields merge, a step is asked about, nothing is lost", async () => {
  const network = await TcpProxy.to("localhost", Number(new URL(bank.url).port));
  onTestFinished(() => network.close());
  const phone = await open(`http://localhost:${network.port}`, 375);
  const laptop = await open(bank.url, 1280);
  await phone.getByRole("button", { name: "New transfer" }).click();
  await phone.getByLabel("Name").fill("J");
  await phone.getByText("All changes saved").first().waitFor();
  const connect = await disconnect(phone, network);

  await laptop.goto(bank.url + new URL(phone.url()).pathname);
  await fillInRecipient(laptop, "Jeanne Peeters");
  await laptop.getByLabel("Reference").fill("Rent for May");
  await laptop.getByText("All changes saved").first().waitFor();

  await fillInRecipient(phone, "Grace Hopper");
  await phone.getByLabel("Amount in euros").fill("20");
  await phone.getByText("Offline: 2 changes wait on this device").first().waitFor();
  await phone.getByRole("link", { name: "Harbour Bank" }).click();
  await phone.getByRole("button", { name: "New transfer" }).click();
  await fillInRecipient(phone, "Begun Offline");
  await phone.getByLabel("Amount in euros").fill("30");
  await phone.getByRole("button", { name: "Continue" }).click();
  await phone.getByText("You are offline. Money is sent only while the bank can answer.").waitFor();
  await phone.getByRole("link", { name: "Harbour Bank" }).click();
  await phone.getByRole("link", { name: "Resume To Grace Hopper" }).click();

  await connect();
  const question = phone.getByRole("region", { name: "A change to decide on" });
  await question.waitFor();
  const versions = await question.locator("b").allInnerTexts();
  expect(versions.join()).toContain("Jeanne Peeters");
  expect(versions.join()).toContain("Grace Hopper");
  for (const page of [phone, laptop]) {
    await expect.poll(() => page.getByLabel("Amount in euros").inputValue()).toBe("20");
    await expect.poll(() => page.getByLabel("Reference").inputValue()).toBe("Rent for May");
  }
  await question.getByRole("radio", { name: "Here, not saved" }).check();
  await question.getByRole("button", { name: "Save mine instead" }).click();
  await question.waitFor({ state: "detached" });
  await phone.getByText("All changes saved").first().waitFor();

  await laptop.getByRole("link", { name: "Harbour Bank" }).click();
  await laptop.getByRole("link", { name: "Resume To Grace Hopper" }).waitFor();
  await laptop.getByRole("link", { name: "Resume €30.00 to Begun Offline" }).click();
  await laptop.getByRole("button", { name: "Send €30.00", disabled: false }).waitFor();

  // A cancellation that waits on the device is not the end: the other device can still send the money.
  const reconnect = await disconnect(phone, network);
  await phone.getByRole("button", { name: "Cancel this transfer" }).click();
  await phone.getByRole("button", { name: "Cancel it" }).click();
  await phone.getByRole("heading", { name: "This transfer is being cancelled" }).waitFor();
  await phone.getByText("Until then it can still be confirmed on another device.").waitFor();
  expect(await phone.getByText("No money was sent.").count()).toBe(0);
  await phone.getByRole("link", { name: "To your account" }).click();
  await phone.getByText("Will be cancelled when the bank is reached").waitFor();
  await reconnect();
  await phone.getByText(/^Cancelled, /).waitFor();
});

test("a list or a transfer that the bank has not sent is not said to be empty or missing", async () => {
  const { context } = await bank.profile({ person: "grace", width: 375, alone: true });
  const page = await context.newPage();
  await page.route("**/trpc/sessions.*", (route) => route.abort());
  await page.goto(bank.url);
  await page.getByText("Not known yet: the bank has not answered.").first().waitFor();
  expect(await page.getByText("None").count()).toBe(0);
  await page.goto(`${bank.url}/transfers/019ac000-0000-7000-8000-000000000001`);
  await page.getByText("The bank has not answered yet. This page goes on asking.").waitFor();

  await page.unrouteAll();
  await page.getByRole("heading", { name: "There is no such transfer" }).waitFor({ timeout: 60_000 });
  await page.getByRole("link", { name: "Harbour Bank" }).click();
  await page.getByText("None. Begin one here").waitFor();
});
