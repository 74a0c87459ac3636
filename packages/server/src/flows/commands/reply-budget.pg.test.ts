import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import type { Json } from "@sessions/core";
import { createBank, draft, start, submit, TestClient } from "../../testing/bank.ts";
import { largeSession } from "../../testing/large-session.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool } = await freshDatabase();

const node = createBank(pool);

beforeAll(() => node.migrate());

test("S25: a push's snapshots end by bytes; what they have no room for comes again", async () => {
  const ada = new TestClient(node, uuidv7());
  const sessions: string[] = [];
  for (let index = 0; index < 30; index += 1) sessions.push(await largeSession(ada));
  const commands = sessions.map((session) => draft(session, "right", "a", 1));
  let waiting = commands;
  for (let pushes = 0; waiting.length > 0; pushes += 1) {
    expect(pushes).toBeLessThan(10);
    const reply = await ada.push(...waiting);
    expect(JSON.stringify(reply).length).toBeLessThan(1024 * 1024 + 10_000);
    const told = new Set(reply.snapshots.map(({ id }) => id));
    expect(told.size).toBeGreaterThan(0);
    for (const outcome of reply.outcomes) {
      if (outcome.status === "refused") expect(outcome.refusal.code).toBe("busy");
    }
    // What took effect and has no room is sent again as well.
    waiting = waiting.filter(({ session }) => !told.has(session));
  }
});

test("S25: refusals count too, whatever they quote, and all come in the end", async () => {
  const ada = new TestClient(node, uuidv7());
  const session = await largeSession(ada);
  const deep = Array.from({ length: 30 }, () => "k".repeat(190)).reduceRight<Json>((inner, key) => ({ [key]: inner }), {
    all: Array.from({ length: 20 }, () => "\0"),
  });
  let waiting = [
    ...Array.from({ length: 50 }, () => submit(session, "left", { text: "x" }, { left: uuidv7() })),
    ...Array.from({ length: 50 }, () => submit(session, "right", deep as Record<string, Json>)),
  ];
  for (let pushes = 0; waiting.length > 0; pushes += 1) {
    expect(pushes).toBeLessThan(10);
    const { outcomes, snapshots } = await ada.push(...waiting);
    expect(JSON.stringify({ outcomes, snapshots }).length).toBeLessThan(1024 * 1024 + 200_000);
    const codes = outcomes.map((outcome) => outcome.status === "refused" && outcome.refusal.code);
    expect(codes).not.toContain(false);
    waiting = waiting.filter((_, index) => codes[index] === "busy");
  }
});

test("S25: what pushes tell an owner counts as what reads do; the rest is busy, and comes later", async () => {
  let nowMs = Date.now();
  const few = createBank(pool, { bounds: { ownerReplyBytes: 1_000_000 }, now: () => nowMs });
  const ada = new TestClient(few, uuidv7());
  const session = await largeSession(ada);
  nowMs += 15_000;
  const refused = draft(session, "unknown", "a", 1);
  const replies = await Promise.all(Array.from({ length: 40 }, () => ada.push(refused)));
  const told = replies.filter(({ snapshots }) => snapshots.length > 0);
  expect(told.length).toBeGreaterThan(5);
  expect(told.length).toBeLessThan(12);
  const [away] = replies.filter(({ snapshots }) => snapshots.length === 0).flatMap(({ outcomes }) => outcomes);
  expect(away).toMatchObject({ refusal: { code: "busy" } });
  const other = new TestClient(few, uuidv7());
  expect(await other.one(start(uuidv7(), "notes"))).toMatchObject({ status: "accepted" });
  nowMs += 15_000;
  expect((await ada.push(refused)).snapshots).toHaveLength(1);
  await few.close();
});
