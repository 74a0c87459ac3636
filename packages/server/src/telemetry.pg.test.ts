import { metrics, trace } from "@opentelemetry/api";
import { TracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createBank, createLedger, start, submit, TestClient } from "./testing/bank.ts";
import { collectMetrics } from "./testing/metrics.ts";
import { freshDatabase } from "./testing/postgres.ts";

const { pool } = await freshDatabase();
const collected = collectMetrics();
const traced = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: traced })] }));
const node = createBank(pool);

beforeAll(async () => {
  await node.migrate();
  await createLedger(pool);
});
afterAll(async () => {
  await node.close();
  metrics.disable();
  trace.disable();
});

test("S11: commands, batches, look-ups and watchers are measured by kind and code, and nothing typed is in them", async () => {
  const secret = "BE71096123456769";
  const owner = "owner-with-a-name";
  const ada = new TestClient(node, owner);
  const session = uuidv7();
  await ada.push(
    start(session),
    submit(session, "recipient", { name: secret, iban: secret }),
    submit(session, "amount", { cents: 5_000_001 }),
    submit(session, secret, { [secret]: secret }),
  );
  const found = await collected();
  const commands = found["sessions.commands"]!.map(({ attributes, value }) => [
    attributes["kind"],
    attributes["code"],
    value,
  ]);
  expect(commands).toEqual(
    expect.arrayContaining([
      ["start", "accepted", 1],
      ["submit", "accepted", 1],
      ["submit", "rejected", 1],
      ["submit", "unknown_step", 1],
    ]),
  );
  expect(Object.keys(found)).toEqual(
    expect.arrayContaining([
      "sessions.commit.batch_size",
      "sessions.cache.lookups",
      "sessions.watchers",
      "sessions.commit.queue_depth",
    ]),
  );
  const spans = traced
    .getFinishedSpans()
    .map(({ name, attributes, status, events }) => ({ name, attributes, status, events }));
  expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(["sessions.push", "sessions.commit"]));
  for (const text of [JSON.stringify(found), JSON.stringify(spans)]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(owner);
  }
});

test("a push that is refused before it is looked at is measured, with how many commands it had", async () => {
  const full = createBank(pool, { bounds: { ownerCommands: 1, pushBytes: 1_000 } });
  const ada = new TestClient(full, "hasty");
  await ada.push(start(uuidv7()), start(uuidv7()));
  const session = uuidv7();
  await ada.push(submit(session, "recipient", { name: "x".repeat(1_000), iban: "" }));
  await full.close();
  const unread = (await collected())["sessions.commands"]!.filter(({ attributes }) => attributes["kind"] === "unread");
  expect(unread.map(({ attributes, value }) => [attributes["code"], value])).toEqual([
    ["busy", 2],
    ["too_large", 1],
  ]);
});

test("a push that is under way is answered when the node closes, and the next is told to go elsewhere", async () => {
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const closing = createBank(pool, {
    onComplete: () => {
      entered.resolve();
      return gate.promise;
    },
  });
  const ada = new TestClient(closing, "last");
  const { review } = await ada.untilReview();
  const inFlight = ada.one(review);
  await entered.promise;
  const closed = closing.close();
  await expect(ada.one(review)).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  gate.resolve();
  expect(await inFlight).toMatchObject({ status: "accepted" });
  await closed;
});
