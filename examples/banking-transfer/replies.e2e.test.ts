import type { Route } from "playwright";
import { expect, onTestFinished, test } from "vitest";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";
import { startBank } from "./testing/bank-server.ts";
import { openProfile } from "./testing/browsers/browser-profile.ts";

const databases = [await freshDatabase(), await freshDatabase()] as const;

test.for([
  ["one tab", 1, true],
  ["two tabs without Web Locks", 2, false],
] as const)(
  "S2: the first reply to every command is lost after the commit, with %s: each takes effect once",
  async ([, tabs, locks]) => {
    const { url: databaseUrl, pool } = databases[tabs - 1]!;
    const server = await startBank(databaseUrl);
    onTestFinished(() => server.remove());
    const profile = await openProfile(server.url);
    onTestFinished(() => profile.close());
    if (!locks) {
      await profile.context.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
    }

    const answered = new Set<string>();
    const loseFirstReplies = async (route: Route) => {
      const { commands } = route.request().postDataJSON() as { commands: { id: string }[] };
      const repeated = commands.every(({ id }) => answered.has(id));
      for (const { id } of commands) answered.add(id);
      if (repeated) return route.continue();
      // The bank has committed and answered. The answer does not arrive.
      await route.fetch();
      return route.abort();
    };
    await profile.context.route("**/sessions.push*", loseFirstReplies);

    const page = await profile.open("/");
    await page.getByRole("button", { name: "New transfer" }).click();
    await page.getByRole("heading", { name: "Recipient" }).waitFor();
    const address = new URL(page.url()).pathname;
    for (let more = 1; more < tabs; more += 1) await profile.open(address);

    await page.getByLabel("Name").fill("Grace Hopper");
    await page.getByLabel("IBAN").fill("BE95 7351 9061 2058");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByLabel("Amount in euros").fill("15");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("button", { name: "Send €15.00", disabled: false }).click({ timeout: 60_000 });
    await page.getByRole("heading", { name: "The money is on its way" }).waitFor({ timeout: 60_000 });

    expect(answered.size).toBeGreaterThanOrEqual(4);
    const { rows } = await pool.query<{ kind: string; step: string | null }>(
      "select body -> 'change' ->> 'kind' as kind, body -> 'change' ->> 'step' as step from sessions.session_event order by entry",
    );
    expect(rows.map(({ kind, step }) => step ?? kind)).toEqual(["start", "recipient", "amount", "review"]);
    await profile.context.unrouteAll({ behavior: "wait" });
    await server.stop();
    expect((await server.books()).ledger).toHaveLength(1);
  },
);
