import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { cancel, createBank, notes, start, submit, TestClient, transfer } from "../../testing/bank.ts";
import { twoNodes } from "../../testing/two-nodes.ts";
import { watching } from "../../testing/watcher.ts";

const { node, otherNode } = await twoNodes();
const jobOn = (on: typeof node, owner: string) => on.as(owner, { name: "Payments job" });

test("S3: a service and a browser submit to one session at once: each change is there, and none is written over unseen", async () => {
  const session = uuidv7();
  const browser = new TestClient(otherNode, "ada", "Laptop");
  await browser.one(start(session, "notes"));
  const typed = Array.from({ length: 20 }, (_, nth) => `${nth}`);
  const byService = Promise.all(
    typed.map((text) => jobOn(node, "ada").submit(notes, session, "left", { text }, { command: text })),
  );
  const byBrowser = Promise.all(typed.map((text) => browser.one(submit(session, "left", { text }))));
  // The service accepts what it finds. The browser says that it saw nothing.
  const accepted = (await byService).map((outcome) => outcome.status === "accepted" && outcome.revision);
  const browsers = await byBrowser;
  const wins = browsers.filter(({ status }) => status === "accepted").length;
  expect(wins).toBeLessThanOrEqual(1);
  const conflicts = browsers.filter(({ status }) => status === "refused");
  for (const outcome of conflicts) expect(outcome).toMatchObject({ refusal: { code: "conflict" } });
  expect(new Set(accepted).size).toBe(20);
  expect(await browser.read(session)).toMatchObject({ revision: 1 + 20 + wins });
});

test("S2: one job that runs on two nodes at once has its effect once", async () => {
  const session = uuidv7();
  const run = async (on: typeof node) => {
    const { start: begin, submit: send } = jobOn(on, "bob");
    const outcomes = [
      await begin(transfer, { session }),
      await send(transfer, session, "recipient", { name: "Grace", iban: "BE71096123456769" }, { command: "to" }),
      await send(transfer, session, "amount", { cents: 5 }, { command: "amount" }),
      await send(transfer, session, "review", { accepted: true }, { command: "review" }),
    ];
    return outcomes.map((outcome) => outcome.status === "accepted" && outcome.revision);
  };
  const runs = await Promise.all([run(node), run(otherNode), run(node)]);
  for (const revisions of runs) expect(revisions).toEqual([1, 2, 3, 4]);
});

test("S5: of 64 parallel starts as many are accepted as the limit allows, with a browser's beside them", async () => {
  const browser = new TestClient(otherNode, "carl");
  await Promise.all(Array.from({ length: 10 }, () => browser.one(start(uuidv7()))));
  const outcomes = await Promise.all(
    Array.from({ length: 64 }, (_, nth) => jobOn(nth % 2 ? node : otherNode, "carl").start(transfer)),
  );
  expect(outcomes.filter(({ status }) => status === "accepted")).toHaveLength(60);
  const refusals = outcomes.filter(({ status }) => status === "refused");
  expect(refusals).toHaveLength(4);
  for (const outcome of refusals) expect(outcome).toMatchObject({ refusal: { code: "limit_reached", atMost: 70 } });
});

test("S10: a stream hears each change of a service, in order", async () => {
  const session = uuidv7();
  const stream = await watching(node, "dora");
  const job = jobOn(node, "dora");
  await job.start(notes, { session });
  await job.draft(notes, session, "left", { text: "typed" });
  await job.submit(notes, session, "left", { text: "submitted" });
  await job.cancel(notes, session);
  await stream.reach(4);
  expect(stream.seen.at(-1)).toMatchObject({ id: session, status: "cancelled", device: { name: "Payments job" } });
  await stream.stop();
});

test("S8: a browser's change on another node is seen by a service that has an old state in its node's cache", async () => {
  const session = uuidv7();
  const job = jobOn(node, "emil");
  await job.start(notes, { session });
  const browser = new TestClient(otherNode, "emil");
  await browser.one(submit(session, "left", { text: "browser" }));
  expect(await job.submit(notes, session, "left", { text: "service" })).toMatchObject({
    status: "accepted",
    revision: 3,
  });
  await browser.one(cancel(session));
  expect(await job.submit(notes, session, "middle", { text: "late" })).toMatchObject({ refusal: { code: "ended" } });
});

test("a service is told that the database does not answer, and nothing that it sent", async () => {
  const pool = new Pool({ connectionString: "postgres://nobody@127.0.0.1:1/none" });
  const away = createBank(pool, { sweeps: false });
  const job = jobOn(away, "ada");
  const expected = { name: "SessionsError", code: "database_unreachable" };
  await expect(job.start(notes)).rejects.toMatchObject(expected);
  await expect(job.read(notes, uuidv7())).rejects.toMatchObject(expected);
  const submitting = job.submit(notes, uuidv7(), "left", { text: "a secret" });
  await expect(submitting).rejects.toSatisfy((error) => !String(error).includes("a secret"));
  await away.close();
  await pool.end();
});
