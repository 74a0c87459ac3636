import { repetitions } from "../../../../scripts/repetitions.ts";
import { writeFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createActivity } from "../activity/index.ts";
import { createDashboard } from "../dashboard/index.ts";
import { verify } from "../flows/verification/verify.ts";
import type { Tables } from "../flows/rows/tables.ts";
import { createFunnels } from "../funnels/index.ts";
import { createKysely } from "../postgres/database.ts";
import { createProjections } from "../projections/index.ts";
import { createSignIns } from "../sign-in/index.ts";
import { verifySignIns } from "../sign-in/verify.ts";
import type { SignInTables } from "../sign-in/rows/tables.ts";
import { reading } from "../testing/activity/activities.ts";
import { adoptSessions, visitorNamed } from "../testing/adopting.ts";
import { createBank, createLedger, draft, start, submit, TestClient, transfer } from "../testing/bank.ts";
import { sessionsOn } from "../testing/cli.ts";
import { cuttingPool } from "../testing/connections/cutting-pool.ts";
import { backUp, dump, fillTable, ownersTables } from "../testing/erasure/filled-tables.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { signIn, testKeeper } from "../testing/sign-ins.ts";
import { keptTables, otherTables, personalTables, sessionTables } from "./personal-tables.ts";

const { pool, url } = await freshDatabase();
const cutting = cuttingPool({ connectionString: url, max: 4 });
const node = createBank(pool, { sweeps: false });
const cutNode = createBank(cutting.pool, { sweeps: false });
const keeper = testKeeper(pool);
const canary = "Canary-7f3a";

beforeAll(async () => {
  await node.migrate();
  const signIns = createSignIns({ database: pool });
  const activity = createActivity({ database: pool, activities: [reading] });
  const dashboard = createDashboard({ database: pool, flows: [transfer], authorize: () => null });
  const funnels = createFunnels({ database: pool, flows: [transfer] });
  const projections = createProjections({ database: pool, projections: [funnels.projection] });
  for (const part of [signIns, activity, dashboard, projections, funnels]) await part.migrate();
  for (const part of [signIns, activity, dashboard, projections]) await part.close();
  await createLedger(pool);
});
afterAll(async () => {
  await keeper.close();
  await node.close();
  await cutNode.close();
  await cutting.pool.end();
});

const privacyDesk = (owner: string, on = node) => on.as(owner, { name: "Privacy desk" });

/** Everything that the server may keep of somebody: sessions and sign-ins as they are made, and a row in every other table. */
async function fill(owner: string, mark = canary): Promise<string> {
  const client = new TestClient(node, owner, mark);
  const completed = await client.untilReview();
  await client.one(completed.review);
  const open = uuidv7();
  await client.push(start(open, "notes"), submit(open, "left", { text: mark }), draft(open, "middle", "text", mark));
  await signIn(keeper, owner, { device: mark, place: mark });
  const ended = await signIn(keeper, owner, { device: mark, place: mark });
  await keeper.end(owner, ended.signIn.publicId, "revoked");
  const tables = await ownersTables(pool);
  for (const { name } of personalTables) {
    if (name !== "sign_in_archive" && name !== "device") await fillTable(pool, name, tables.get(name)!, owner, mark);
  }
  return open;
}

const ofOwner = (owner: string, rows: ReadonlyMap<string, readonly string[]>) =>
  [...rows].map(([table, lines]) => [table, lines.filter((line) => line.includes(owner))] as const);

test("S24: every table with rows of owners has a place in the erasure", async () => {
  const known = [...personalTables, ...otherTables].map(({ name }) => name);
  expect([...(await ownersTables(pool)).keys()].toSorted()).toEqual(
    [...known, ...sessionTables, ...keptTables].toSorted(),
  );
});

test("S24: after an erasure nothing of the person is in any table or reply, the neighbour is whole, and the chains verify", async () => {
  const open = await fill("ada-lovelace");
  await fill("grace-hopper", "Neighbour-1b");
  const before = ofOwner("grace-hopper", await dump(pool));
  expect([...(await dump(pool)).values()].flat().some((line) => line.includes(canary))).toBe(true);

  const progress: number[] = [];
  const erased = await privacyDesk("ada-lovelace").erase({ onProgress: (rows) => progress.push(rows) });
  expect(erased).toMatchObject({ sessions: 2, signIns: 1 });
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));

  const after = await dump(pool);
  for (const [table, lines] of after) {
    for (const hidden of [canary, Buffer.from(canary).toString("hex"), "BE71096123456769"]) {
      const found = lines.filter((line) => line.includes(hidden) && !line.includes("grace-hopper"));
      expect(found, table).toEqual([]);
    }
  }
  expect(ofOwner("grace-hopper", after)).toEqual(before);
  const ada = new TestClient(node, "ada-lovelace");
  expect(await ada.list()).toMatchObject({ active: [], ended: [], next: null });
  expect(await ada.read(open)).toBeNull();
  const db = createKysely<Tables>(pool).withSchema("sessions");
  expect(await verify(db)).toMatchObject({ broken: null });
  expect(await verifySignIns(createKysely<SignInTables>(pool).withSchema("sessions"))).toMatchObject({ broken: null });
  expect((await keeper.list("ada-lovelace", {})).rows).toEqual([]);
  // The numbers of it stay.
  const { rows } = await pool.query("select flow, status from sessions.erased_session where owner_id = 'ada-lovelace'");
  expect(rows).toEqual([{ flow: "transfer", status: "completed" }]);
});

test("S24: completions of an erased owner still count for the limit", async () => {
  const client = new TestClient(node, "limited");
  for (let count = 0; count < 20; count += 1) await client.one((await client.untilReview()).review);
  await privacyDesk("limited").erase();
  const again = await client.untilReview();
  expect(await client.one(again.review)).toMatchObject({ refusal: { code: "limit_reached", atMost: 20 } });
});

test("S24: an erasure that is killed at any statement leaves all chains whole, and ends in the same state when it runs again", async () => {
  const stateOf = async (owner: string) =>
    ofOwner(owner, await dump(pool)).map(([table, lines]) => `${table} ${lines.length}`);
  await fill("whole-one");
  await privacyDesk("whole-one").erase();
  const expected = await stateOf("whole-one");
  const db = createKysely<Tables>(pool).withSchema("sessions");
  let hasCut = true;
  for (let nth = 0; hasCut; nth += repetitions({ few: 11, many: 1 })) {
    const owner = `killed-${nth}-`;
    await fill(owner);
    let left = nth;
    const { cuts } = cutting;
    cutting.cutAt({ test: () => left-- === 0 }, (["before", "after"] as const)[nth % 2]!);
    await privacyDesk(owner, cutNode)
      .erase()
      .catch(() => {});
    hasCut = cutting.cuts > cuts;
    cutting.cutAt(/$^/, "before");
    expect(await verify(db), `statement ${nth}`).toMatchObject({ broken: null });
    await privacyDesk(owner, cutNode).erase();
    expect(await stateOf(owner), `statement ${nth}`).toEqual(expected);
  }
}, 60_000);

test("S24: a restored backup brings a person back, until the tombstones are replayed", async () => {
  await fill("restored-owner");
  const visitor = visitorNamed("restored");
  await new TestClient(node, visitor, canary).one(start(uuidv7(), "notes"));
  const restore = await backUp(pool);
  await adoptSessions(node, visitor, "restored-owner");
  await privacyDesk("restored-owner").erase();
  const { stdout } = await sessionsOn(url, "erase", "--tombstones");
  const file = join(await mkdtemp(join(tmpdir(), "tombstones-")), "erased.ndjson");
  await writeFile(file, stdout);

  await restore();
  expect(await new TestClient(node, "restored-owner").list()).toMatchObject({ active: [{}], ended: [{}] });
  const replayed = await sessionsOn(url, "erase", "--replay", file, "--json");
  expect(replayed.code).toBe(0);
  expect(JSON.parse(replayed.stdout)).toMatchObject({ erased: 2 });
  for (const lines of (await dump(pool)).values()) {
    expect(lines.filter((line) => /restored-owner|Canary/.test(line) && line.includes(canary))).toEqual([]);
  }
  expect(JSON.parse((await sessionsOn(url, "erase", "--replay", file, "--json")).stdout)).toMatchObject({ erased: 0 });
  expect((await sessionsOn(url, "erase", "--tombstones")).stdout).toBe(stdout);
});

test("the command erases an owner only if the operator says --yes, says how much, and refuses a file that it cannot read", async () => {
  await fill("by-command");
  const rows = await dump(pool);
  const refused = await sessionsOn(url, "erase", "by-command");
  expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("Add --yes") });
  expect(await dump(pool)).toEqual(rows);
  const { code, stdout } = await sessionsOn(url, "erase", "by-command", "--yes", "--json");
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { owner: "by-command", sessions: 2, signIns: 1 }]);
  expect(await sessionsOn(url, "erase")).toMatchObject({ code: 2 });
  const file = join(await mkdtemp(join(tmpdir(), "tombstones-")), "broken.ndjson");
  await writeFile(file, '{"owner":"ada"}\n');
  expect(await sessionsOn(url, "erase", "--replay", file)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Line 1"),
  });
});
