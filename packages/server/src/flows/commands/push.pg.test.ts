import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import { createSessions, serve } from "../../index.ts";
import { createBank, draft, start, submit, TestClient, type Context } from "../../testing/bank.ts";
import { largeSession } from "../../testing/large-session.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool } = await freshDatabase();

const node = createBank(pool);

beforeAll(() => node.migrate());

test("S25: a hundred small drafts of a large session are one write and one revision", async () => {
  const ada = new TestClient(node, uuidv7());
  const session = await largeSession(ada);
  const before = (await ada.read(session))!;
  const fields = Array.from({ length: 100 }, (_, index) => draft(session, "right", `f${index}`, index));
  fields[40] = draft(session, "left", "unknown", 1);
  const { outcomes, snapshots } = await ada.push(...fields);

  const made = before.revision + 1;
  const accepted = outcomes.flatMap((outcome) => (outcome.status === "accepted" ? [outcome] : []));
  expect(accepted.map(({ revision, replayed }) => [revision, replayed])).toEqual(
    Array.from({ length: 99 }, (_, index) => [made, index > 0]),
  );
  expect(outcomes[40]).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(snapshots).toEqual([await ada.read(session)]);
  expect(Object.keys(snapshots[0]!.drafts["right"]!)).toHaveLength(99);
  // Each write takes a revision: there was one.
  expect(snapshots[0]!.revision).toBe(made);
});

test("S3: drafts that are pushed together and race others merge, without a gap", async () => {
  const owner = uuidv7();
  const session = uuidv7();
  await new TestClient(node, owner).one(start(session, "notes"));
  const revisions = await Promise.all(
    Array.from({ length: 8 }, async (_, who) => {
      const drafts = Array.from({ length: 5 }, (__, nth) => draft(session, "right", `f${who}_${nth}`, nth));
      const { outcomes } = await new TestClient(node, owner).push(...drafts);
      return outcomes.flatMap((outcome) =>
        outcome.status === "accepted" && !outcome.replayed ? [outcome.revision] : [],
      );
    }),
  );
  const made = revisions.flat().toSorted((a, b) => a - b);
  expect(made).toEqual(made.map((_, index) => index + 2));
  const read = await new TestClient(node, owner).read(session);
  expect(read!.revision).toBe(made.at(-1));
  expect(Object.keys(read!.drafts["right"]!)).toHaveLength(40);
});

test("S25: a refused input is parsed once, each in a turn of the event loop of its own when that takes long", async () => {
  let turn = 0;
  let ticking = setImmediate(function tick() {
    turn += 1;
    ticking = setImmediate(tick);
  });
  const parsedIn: number[] = [];
  const slow = z.array(z.number()).superRefine((_, context) => {
    parsedIn.push(turn);
    for (const until = performance.now() + 12; performance.now() < until;);
    context.addIssue("No.");
  });
  const heavy = defineFlow({ name: "heavy", version: 1, steps: { all: step({ input: z.object({ slow }) }) } });
  const few = createSessions<Context>({
    database: pool,
    identify: ({ user }) => ({ owner: user! }),
    flows: [serve(heavy, {})],
    sweeps: false,
  });
  const ada = new TestClient(few, uuidv7());
  const sessions = Array.from({ length: 8 }, () => uuidv7());
  await ada.push(...sessions.map((session) => start(session, "heavy")));
  const { outcomes } = await ada.push(...sessions.map((session) => submit(session, "all", { slow: [1] })));
  clearImmediate(ticking);
  expect(outcomes).toHaveLength(8);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(parsedIn).toHaveLength(8);
  expect(new Set(parsedIn).size).toBe(8);
  await few.close();
});
