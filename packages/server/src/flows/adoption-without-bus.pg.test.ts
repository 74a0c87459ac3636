import { v7 as uuidv7 } from "uuid";
import { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Bus } from "../index.ts";
import { adoptSessions, visitorNamed } from "../testing/adopting.ts";
import { createBank, start, submit, TestClient } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { accepted } from "../testing/two-nodes.ts";
import { watching } from "../testing/watcher.ts";

const { pool, url } = await freshDatabase();
const poolOfOther = new Pool({ connectionString: url });
/** A bus that does not come up: nothing is sent, and nobody is heard. */
const away: Bus = { open: () => () => Promise.resolve(), publish: () => {} };
const node = createBank(pool, { bus: away, sweeps: false });
const otherNode = createBank(poolOfOther, { bus: away, sweeps: false });
beforeAll(() => node.migrate());
afterAll(async () => {
  await node.close();
  await otherNode.close();
  await poolOfOther.end();
});

test("S20: while the bus is away, a node that has the visitor's sessions in its cache writes and tells nothing as the visitor", async () => {
  const visitor = visitorNamed("cached");
  const stranger = new TestClient(otherNode, visitor);
  const session = uuidv7();
  const left = submit(session, "left", { text: "typed" });
  await stranger.push(start(session, "notes"), left);
  expect(await stranger.read(session)).toMatchObject({ revision: 2 });
  await adoptSessions(node, visitor, "ada");

  const change = submit(session, "middle", { text: "late" }, { left: left.id });
  for (const ask of [() => stranger.one(change), () => stranger.read(session), () => stranger.list()]) {
    await expect(ask()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  }
  const ada = new TestClient(otherNode, "ada");
  expect(await ada.one(change)).toEqual(accepted(4));
  expect(await ada.read(session)).toMatchObject({ data: { left: { text: "typed" }, middle: { text: "late" } } });
});

test("S20: while the bus is away, the visitor's streams on another node end, and the owner's show the sessions", async () => {
  const visitor = visitorNamed("watched");
  const session = uuidv7();
  await new TestClient(otherNode, visitor).one(start(session, "notes"));
  const [ofVisitor, ofOwner] = [await watching(otherNode, visitor), await watching(otherNode, "bob")];
  await adoptSessions(node, visitor, "bob");
  // The node looks at its watched owners every two seconds.
  await ofOwner.reach(2);
  expect(ofOwner.seen.at(-1)).toMatchObject({ id: session });
  await ofVisitor.ended;
  await ofOwner.stop();
});
