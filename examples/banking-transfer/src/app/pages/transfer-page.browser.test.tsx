import { createSessionsClient } from "@sessions/client";
import { SessionsProvider } from "@sessions/react";
import { createTestServer, maxCompletions, serve, type Seed } from "@sessions/testing";
import { createRoot } from "react-dom/client";
import { expect, onTestFinished, test, vi } from "vitest";
import { page } from "vitest/browser";
import { transfer } from "../../flow.ts";
import { TransferPage } from "./transfer-page.tsx";

const recipient = { name: "Jeanne Peeters", iban: "BE68 5390 0754 7034" };
const reviewed: Seed<typeof transfer> = { at: "review", data: { recipient, amount: { cents: 1_500 } } };
const send = page.getByRole("button", { name: "Send €15.00" });
const sent = page.getByRole("heading", { name: "The money is on its way" });

/** Shows a transfer as the bank has it. The page asks nothing else of the bank, as for somebody without an account. */
async function show(seed: Seed<typeof transfer>) {
  const owner = `owner-${crypto.randomUUID()}`;
  const served = serve(transfer, {
    limits: [maxCompletions({ atMost: 1, per: "month" })],
    steps: { amount: () => ({ feeCents: 25 }) },
    complete: () => ({ reference: "R-1" }),
  });
  const server = createTestServer({ flows: [served], owner });
  vi.stubGlobal("fetch", server.fetch);
  const { id } = await server.seed(transfer, seed);
  const sessions = createSessionsClient({ flows: [transfer], url: "/trpc", owner });
  const root = createRoot(document.body.appendChild(document.createElement("div")));
  root.render(
    <SessionsProvider sessions={sessions}>
      <TransferPage user={{ id: "", name: "", browser: "" }} id={id} wanted={undefined} />
    </SessionsProvider>,
  );
  onTestFinished(async () => {
    root.unmount();
    await sessions.forget();
    document.body.replaceChildren();
    vi.unstubAllGlobals();
  });
  const submitted = () => server.history(id).filter(({ change }) => change.kind === "submit");
  return { server, id, submitted };
}

test("S2: three presses in one turn of the page send the money once, and none of them is told no", async () => {
  const { server, submitted } = await show(reviewed);
  await expect.element(send).toHaveAttribute("aria-disabled", "false");
  const told: string[] = [];
  const watch = new MutationObserver(() => told.push(document.body.innerText));
  watch.observe(document.body, { subtree: true, childList: true, characterData: true });
  server.dropReply();
  const button = send.element() as HTMLButtonElement;
  for (let press = 0; press < 3; press += 1) button.click();
  await expect.element(sent).toBeVisible();
  watch.disconnect();
  expect(told.filter((text) => text.includes("must have all changes"))).toEqual([]);
  expect(submitted()).toHaveLength(3);
});

test("the limit of the month is told at the review, and the transfer stays open", async () => {
  const { server, id } = await show(reviewed);
  await server.seed(transfer, { data: { ...reviewed.data, review: { accepted: true } } });
  await expect.element(send).toHaveAttribute("aria-disabled", "false");
  await send.click();
  await expect.element(page.getByText(/This transfer stays open until/)).toBeVisible();
  expect(server.snapshot(id).status).toBe("active");
});

test("the bank's reason stands at the field that it is about", async () => {
  const { server } = await show({ at: "amount", data: { recipient }, drafts: { amount: { cents: "15" } } });
  server.refuse("amount", "This account sends at most €10.00.");
  await page.getByRole("button", { name: "Continue" }).click();
  await expect.element(page.getByText("This account sends at most €10.00.")).toBeVisible();
  await page.getByRole("button", { name: "Continue" }).click();
  await expect.element(send).toBeVisible();
});

test("another device's amount is shown at the review, and holds the button for a moment", async () => {
  const { server, id } = await show(reviewed);
  await expect.element(send).toHaveAttribute("aria-disabled", "false");
  await server.anotherDevice("Kitchen laptop").submit(transfer, id, "amount", { cents: 2_000 });
  const changed = page.getByRole("button", { name: "Send €20.00" });
  await expect.element(changed).toHaveAttribute("aria-disabled", "true");
  await expect.element(page.getByText(/^Amount changed on another device just now/)).toBeVisible();
  await expect.element(page.getByText(/^Last change on Kitchen laptop/)).toBeVisible();
});
