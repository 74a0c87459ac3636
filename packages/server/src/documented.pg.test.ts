import { PROTOCOL_VERSION, type Command } from "@sessions/core";
import { v7 as uuidv7 } from "uuid";
import { afterAll, expect, test, vi } from "vitest";
import { createLedger, ledgerOf, start, submit } from "./testing/bank.ts";
import { freshDatabase } from "./testing/postgres.ts";

// The README lifts its code from that file: scripts/documents.test.ts compares them.
const { url } = await freshDatabase();
vi.stubEnv("DATABASE_URL", url);
const { appRouter, pool, sessions } = await import("./testing/documented/router.ts");
await createLedger(pool);
afterAll(async () => {
  await sessions.close();
  await pool.end();
});

test("what the README shows takes a transfer to its end, and writes what the application writes", async () => {
  const caller = appRouter.createCaller({ user: { id: "ada" } });
  const device = { id: uuidv7(), name: "Test device" };
  const push = async (...commands: Command[]) =>
    (await caller.sessions.push({ protocol: PROTOCOL_VERSION, device, commands })).outcomes;

  const session = uuidv7();
  const recipient = submit(session, "recipient", { name: "Grace", iban: "BE71096123456769" });
  const [, , refused] = await push(start(session), recipient, submit(session, "amount", { cents: 5_000_001 }));
  expect(refused).toMatchObject({ refusal: { code: "rejected", reason: "Above the daily ceiling." } });

  const amount = submit(session, "amount", { cents: 12_300 });
  const seen = { review: null, recipient: recipient.id, amount: amount.id };
  const outcomes = await push(amount, submit(session, "review", { accepted: true }, seen));
  expect(outcomes).toMatchObject([{ outcome: "accepted" }, { outcome: "accepted" }]);
  expect((await caller.sessions.read({ session })).session).toMatchObject({
    status: "completed",
    outputs: { amount: { feeCents: 25 } },
    result: { reference: `R-${session}` },
  });
  expect(await ledgerOf(pool, "ada")).toMatchObject([{ session_id: session }]);
  await expect(appRouter.createCaller({ user: null }).sessions.read({ session })).rejects.toThrow("Sign in first.");
});
