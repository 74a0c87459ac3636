import { chromium, type Browser, type Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chooseChromium } from "../../scripts/chromium.ts";
import { verify } from "../../packages/server/src/flows/verification/verify.ts";
import type { Tables } from "../../packages/server/src/flows/rows/tables.ts";
import { createKysely } from "../../packages/server/src/postgres/database.ts";
import type { SignInTables } from "../../packages/server/src/sign-in/rows/tables.ts";
import { verifySignIns } from "../../packages/server/src/sign-in/verify.ts";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";
import { OPERATOR, OPERATOR_PASSWORD } from "./src/people.ts";
import { openDatabase } from "./src/server/database.ts";
import { violationsInBothSchemes } from "./testing/axe.ts";
import { completeTransfers } from "./testing/completed-transfers.ts";
import { startBank, type BankServer } from "./testing/bank-server.ts";
import { fillTwoYears } from "./testing/two-years/two-years.ts";

const { url, pool } = await freshDatabase();
/** What the seed said, in its two runs. */
const said: string[] = [];
let bank: BankServer;
let browser: Browser;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  const database = await openDatabase(url, "");
  // Small numbers that look random, and are the same in each run.
  let state = 7;
  const random = () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  const seeding = { transfers: 60, days: 40, endMs: Date.now(), random, onProgress: (text: string) => said.push(text) };
  await fillTwoYears(database, seeding);
  await fillTwoYears(database, seeding);
  await database.close();
  await pool.query("analyze");
  bank = await startBank(url);
  browser = await chromium.launch(await chooseChromium());
  const context = await browser.newContext({
    httpCredentials: { username: OPERATOR, password: OPERATOR_PASSWORD },
  });
  context.setDefaultTimeout(15_000);
  page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
});
afterAll(async () => {
  await browser?.close();
  await bank?.remove();
});

test("nobody but the operator sees the dashboard", async () => {
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
  for (const headers of [
    {},
    basic(`${OPERATOR}:wrong`),
    basic(`ada:${OPERATOR_PASSWORD}`),
    { authorization: "Bearer x" },
  ]) {
    const answer = await fetch(`${bank.url}/operators`, { headers });
    expect(answer.status).toBe(401);
    expect(await answer.text()).not.toContain("Overview");
  }
});

const countOf = async (query: string) =>
  Number((await pool.query<{ n: string }>(`select count(*) as n ${query}`)).rows[0]!.n);

test("the histories of the seed verify, its numbers agree, and a second run adds nothing", async () => {
  const db = createKysely<Tables & SignInTables>(pool).withSchema("sessions");
  const { sessions, broken } = await verify(db);
  expect(broken).toBeNull();
  // Those of the day's later hours have not begun.
  expect(sessions).toBeGreaterThan(50);
  expect(await verifySignIns(db)).toMatchObject({ signIns: expect.toSatisfy((n) => n > 10), broken: null });

  const begun = await pool.query<{ started: string; completed: string }>(
    `select sum(started) as started, sum(completed) as completed from sessions.funnel_sessions`,
  );
  const completed = await countOf("from sessions.session_archive where status = 'completed'");
  expect(begun.rows[0]).toMatchObject({ started: String(sessions), completed: String(completed) });
  expect(await countOf("from bank.ledger")).toBe(completed);
  const wrong = `from sessions.session_archive join bank.ledger on session = id
    where state -> 'result' ->> 'reference' <> 'TR-' || lpad(ledger.entry::text, 6, '0')
      or (state -> 'data' -> 'amount' ->> 'cents')::bigint <> cents`;
  expect(await countOf(wrong)).toBe(0);
  expect(await countOf("from sessions.refusal_count")).toBeGreaterThan(0);
  const [sent, spent] = ["sum(cents + fee_cents) from bank.ledger", "sum(cents) from bank.spending"].map(
    async (sum) => (await pool.query<{ sum: string }>(`select ${sum}`)).rows[0]!.sum,
  );
  expect(await sent).toBe(await spent);
  expect(said).toContain("The two years are there already: nothing was added.");
});

test("the operator finds a transfer, reads it for a reason, and ends a sign-in", async () => {
  await page.goto(`${bank.url}/operators`);
  const { rows } = await pool.query<{ id: string; owner: string; recipient: string }>(
    `select session as id, owner, recipient from bank.ledger order by booked_at desc limit 1`,
  );
  const { id, owner, recipient } = rows[0]!;
  await page.getByLabel("A session's id").fill(id);
  await page.getByRole("button", { name: "Find the session" }).click();
  await page.getByText("Whole", { exact: true }).waitFor();
  expect(await page.getByRole("row").count()).toBeGreaterThanOrEqual(5);
  expect(await page.content()).not.toContain(recipient);

  await page.getByLabel("Your reason").fill("The customer called about it");
  await page.getByRole("button", { name: "Note the reason and show it" }).click();
  await page.getByText(recipient).waitFor();

  await signInAda();
  await page.goto(`${bank.url}/operators?view=owner&owner=ada`);
  await page.getByRole("link", { name: "End it…" }).first().click();
  await page.getByRole("button", { name: "End the sign-in" }).click();
  await page.getByText("1 sign-in has ended.").waitFor();
  await page.goto(`${bank.url}/operators?view=audit`);
  expect(await page.getByRole("row").count()).toBe(3);
  await page.getByRole("link", { name: owner }).waitFor();
});

/** Signs Ada in, and gives the cookie. */
async function signInAda(): Promise<string> {
  const { status, headers } = await fetch(`${bank.url}/trpc/signIn`, {
    method: "POST",
    headers: { "content-type": "application/json", "sec-fetch-site": "same-origin" },
    body: JSON.stringify({ id: "ada", password: "continue-anywhere" }),
  });
  expect(status).toBe(200);
  return headers.get("set-cookie")!.split(";", 1)[0]!;
}

test("a person's visits and the sum of a month are shown to the person, and the visits to the operator", async () => {
  const cookie = await signInAda();
  const [name, value] = cookie.split("=", 2) as [string, string];
  const context = await browser.newContext();
  await context.addCookies([{ name, value, url: bank.url }]);
  const ada = await context.newPage();
  await ada.goto(bank.url);
  await ada.getByText("Sent this month, with fees: €0.00").waitFor();
  await completeTransfers(bank.url, "ada", 2);
  await ada.reload();
  await ada.getByText("Sent this month, with fees: €2.00").waitFor();

  const visit = () => ada.getByRole("row").nth(1).getByRole("cell").allInnerTexts();
  await expect
    .poll(async () => {
      await ada.goto(`${bank.url}/sign-ins`);
      await ada.getByRole("heading", { name: "Your latest visits" }).waitFor();
      return visit();
    })
    .toEqual(["until now", expect.stringMatching(/^([3-9]|\d\d)$/), expect.stringMatching(/^[2-9]$/)]);
  const headers = ada.getByRole("row").first().getByRole("columnheader");
  expect(
    new Set((await Promise.all((await headers.all()).map((cell) => cell.boundingBox()))).map((box) => box?.y)).size,
  ).toBe(1);
  expect(await violationsInBothSchemes(ada)).toEqual([]);
  await context.close();

  await page.goto(`${bank.url}/operators?view=owner&owner=ada`);
  const table = page.getByRole("table", { name: "Activity sessions: visit" });
  expect(await table.getByRole("row").nth(1).innerText()).toMatch(/goes on/);
});

test("every page passes axe in light and in dark, and fits into 1280 and 390 pixels", async () => {
  const { rows } = await pool.query<{ id: string; owner: string }>(
    "select id, owner_id as owner from sessions.session_archive order by ended_at desc limit 1",
  );
  const { id, owner } = rows[0]!;
  const queries = [
    "",
    "?view=flows",
    "?view=flows&flow=transfer&version=1",
    `?view=flows&flow=transfer&version=1&month=${new Date().toISOString().slice(0, 7)}`,
    `?view=session&id=${id}`,
    `?view=owner&owner=${owner}`,
    `?view=end-sign-ins&owner=${owner}`,
    "?view=sign-ins",
    "?view=projections",
    "?view=storage",
    "?view=storage&of=session_event",
    "?view=health",
    "?view=audit",
    "?view=nothing",
  ];
  problems.length = 0;
  for (const query of queries) {
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.goto(`${bank.url}/operators${query}`);
    // The tables behind the plots, too.
    for (const details of await page.locator("summary").all()) await details.press("Enter");
    expect(await page.locator("details:not([open])").count()).toBe(0);
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 800 });
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(wide, `${query} at ${width} pixels`).toBeLessThanOrEqual(0);
    }
    expect(await violationsInBothSchemes(page), query).toEqual([]);
  }
  expect(problems.filter((problem) => !problem.includes("404"))).toEqual([]);
});

test("on a phone, a wide table keeps its caption and the names of its rows in sight", async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  await page.goto(`${bank.url}/operators?view=flows&flow=transfer&version=1`);
  const table = page.getByRole("region", { name: "Steps: who came, who left, and how long it took" });
  const scrolled = await table.evaluate((region) => {
    region.scrollLeft = region.scrollWidth;
    return region.scrollLeft;
  });
  expect(scrolled).toBeGreaterThan(100);
  for (const part of [table.locator("caption"), table.getByRole("rowheader", { name: "recipient" })]) {
    const { x, width } = (await part.boundingBox())!;
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x + width).toBeLessThanOrEqual(390);
  }
});

test("the keyboard alone reaches the content, and the first stop skips the navigation", async () => {
  await page.goto(`${bank.url}/operators`);
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the content");
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("content");
});
