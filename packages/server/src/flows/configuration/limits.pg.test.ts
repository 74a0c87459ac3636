import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import { createSessions, maxCompletions, maxOpenSessions, serve, type Limit } from "../../index.ts";
import { cancel, createBank, start, submit, TestClient } from "../../testing/bank.ts";
import { directUrls } from "../../testing/connections/direct-url.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool } = await freshDatabase();
const poll = defineFlow({ name: "poll", version: 1, steps: { vote: step({ input: z.object({ yes: z.boolean() }) }) } });
let nowMs = 0;

function tellerWith(...limits: readonly Limit[]): TestClient {
  const node = createSessions({
    database: pool,
    prepare: !directUrls.has(pool),
    identify: ({ user }: { user: string }) => ({ owner: user }),
    now: () => nowMs,
    flows: [serve(poll, { limits })],
  });
  return new TestClient(node, uuidv7());
}

async function vote(teller: TestClient) {
  const session = uuidv7();
  const { outcomes } = await teller.push(start(session, "poll"), submit(session, "vote", { yes: true }));
  return outcomes[1];
}

beforeAll(() => createBank(pool, { now: () => nowMs }).migrate());

test("S5: a calendar month's completions count until the month ends in the time zone, and then anew", async () => {
  const teller = tellerWith(maxCompletions({ atMost: 2, per: "month", timeZone: "Europe/Brussels" }));
  nowMs = Date.parse("2026-10-31T22:59:00.000Z");
  expect(await vote(teller)).toMatchObject({ status: "accepted" });
  expect(await vote(teller)).toMatchObject({ status: "accepted" });
  expect(await vote(teller)).toEqual({
    status: "refused",
    refusal: { code: "limit_reached", limit: "completions per month", atMost: 2, resetsAt: "2026-10-31T23:00:00.000Z" },
  });
  nowMs = Date.parse("2026-10-31T23:00:00.000Z");
  expect(await vote(teller)).toMatchObject({ status: "accepted" });
});

test("S5: a rolling window frees a completion exactly when the refusal said", async () => {
  const teller = tellerWith(maxCompletions({ atMost: 2, per: { rolling: "24h" } }));
  const startMs = Date.parse("2026-06-01T08:00:00.000Z");
  nowMs = startMs;
  await vote(teller);
  nowMs = startMs + 3_600_000;
  await vote(teller);
  const resetsAt = "2026-06-02T08:00:00.000Z";
  nowMs = Date.parse(resetsAt) - 1;
  expect(await vote(teller)).toMatchObject({ refusal: { code: "limit_reached", resetsAt } });
  nowMs += 1;
  expect(await vote(teller)).toMatchObject({ status: "accepted" });
});

test("a cancelled session uses up no completion", async () => {
  const teller = tellerWith(maxCompletions({ atMost: 1, per: "day" }));
  nowMs = Date.parse("2026-06-10T08:00:00.000Z");
  const session = uuidv7();
  await teller.push(start(session, "poll"), cancel(session));
  expect(await vote(teller)).toMatchObject({ status: "accepted" });
  expect(await vote(teller)).toMatchObject({ status: "refused" });
});

test("S5: open sessions are limited under concurrency, and one that ended or expired makes room", async () => {
  const teller = tellerWith(maxOpenSessions({ atMost: 3 }));
  nowMs = Date.parse("2026-07-01T08:00:00.000Z");
  const ids = Array.from({ length: 12 }, () => uuidv7());
  const outcomes = await Promise.all(ids.map((id) => teller.one(start(id, "poll"))));
  const open = ids.filter((_, index) => outcomes[index]?.status === "accepted");
  expect(open).toHaveLength(3);

  expect(await teller.one(start(uuidv7(), "poll"))).toEqual({
    status: "refused",
    refusal: { code: "limit_reached", limit: "open sessions", atMost: 3, resetsAt: null },
  });
  await teller.one(cancel(open[0]!));
  expect(await teller.one(start(uuidv7(), "poll"))).toMatchObject({ status: "accepted" });

  nowMs += 72 * 3_600_000;
  expect(await teller.one(start(uuidv7(), "poll"))).toMatchObject({ status: "accepted" });
});
