import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import { createSessions, keysFromEnvironment, serve, type OwnerRecord } from "../index.ts";
import { generateKey } from "../secrets/key-ring.ts";
import { createBank, createLedger, draft, start, submit, TestClient, type Context } from "../testing/bank.ts";
import { sessionsOn, sessionsWith } from "../testing/cli.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { signIn, testKeeper } from "../testing/sign-ins.ts";

const { pool, url } = await freshDatabase();
const node = createBank(pool, { sweeps: false });
const keeper = testKeeper(pool);

beforeAll(async () => {
  await node.migrate();
  await keeper.migrate();
  await createLedger(pool);
});
afterAll(async () => {
  await keeper.close();
  await node.close();
});

async function recordsOf(owner: string, on = node): Promise<readonly OwnerRecord[]> {
  const records: OwnerRecord[] = [];
  for await (const record of on.as(owner, { name: "Privacy desk" }).export()) records.push(record);
  return records;
}

test("an export has everything that is kept of an owner, and nothing of another", async () => {
  const phone = new TestClient(node, "ada", "Phone of Ada");
  const completed = await phone.untilReview();
  await phone.one(completed.review);
  const open = uuidv7();
  await phone.push(start(open, "notes"), submit(open, "left", { text: "left" }), draft(open, "middle", "text", "half"));
  const { token } = await signIn(keeper, "ada", { device: "Phone of Ada", place: "BE" });
  const eve = new TestClient(node, "eve", "Phone of Eve");
  await eve.untilReview();

  const records = await recordsOf("ada");
  const kinds = new Map<string, number>();
  for (const { kind } of records) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  expect(Object.fromEntries(kinds)).toEqual({
    session: 2,
    session_event: 6,
    sign_in: 1,
    sign_in_event: 1,
    device: 1,
  });
  expect(records.filter(({ kind }) => kind === "session")).toMatchObject([
    { id: open, status: "active", data: { left: { text: "left" } }, drafts: { middle: { text: { value: "half" } } } },
    { id: completed.session, status: "completed", data: { amount: { cents: 12_300 } } },
  ]);
  expect(records.find(({ kind }) => kind === "sign_in")).toMatchObject({ device: "Phone of Ada", place: "BE" });
  const text = JSON.stringify(records);
  expect(text).not.toContain("Eve");
  expect(text).not.toContain(token.secret);
  for (const column of ["rotation", "csrf", "hash", "receipts"]) expect(text).not.toContain(`"${column}"`);

  const { code, stdout } = await sessionsOn(url, "export", "--owner", "ada");
  expect(code).toBe(0);
  expect(stdout.trimEnd().split("\n")).toHaveLength(records.length);
  expect(await sessionsOn(url, "export")).toMatchObject({ code: 2 });
});

test("S11: the input of a sensitive step is in no export, also if the operator's program knows no flow", async () => {
  const card = defineFlow({
    name: "card",
    version: 1,
    steps: {
      address: step({ input: z.object({ street: z.string() }) }),
      card: step({ input: z.object({ number: z.string() }), dependsOn: ["address"], sensitive: true }),
      last: step({ input: z.object({}) }),
    },
  });
  const keys = generateKey();
  const bank = createSessions<Context>({
    database: pool,
    identify: () => null,
    keys: keysFromEnvironment(keys),
    flows: [serve(card, {})],
  });
  const { start: begin, submit: send } = bank.as("carl", { name: "Job" });
  const { id } = (await begin(card)).session!;
  await send(card, id, "address", { street: "Main street" });
  await send(card, id, "card", { number: "4111 1111" });
  // It clears the card, whose submission is then in the history alone.
  await send(card, id, "address", { street: "Side street" });
  const texts = [
    JSON.stringify(await recordsOf("carl", bank)),
    (await sessionsWith({ databaseUrl: url, keys }, "export", "--owner", "carl")).stdout,
  ];
  for (const text of texts) {
    expect(text).toContain("Main street");
    expect(text).not.toContain("4111");
  }
  await bank.close();
});

test("an export of many rows comes page by page, each row once", async () => {
  const many = new TestClient(node, "many");
  const sessions = Array.from({ length: 45 }, () => uuidv7());
  for (const session of sessions) await many.one(start(session, "notes"));
  await pool.query(`insert into sessions.device (owner_id, id, name, first_seen_at, last_seen_at)
    select 'many', gen_random_uuid(), 'Device ' || n, now(), now() from generate_series(1, 1200) as n`);
  const records = await recordsOf("many");
  const found = records.filter(({ kind }) => kind === "session").map(({ id }) => id);
  expect(found).toEqual(sessions);
  expect(new Set(records.filter(({ kind }) => kind === "device").map(({ id }) => id)).size).toBe(1_201);
});
