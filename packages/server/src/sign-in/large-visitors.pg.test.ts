import { randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { repetitions } from "../../../../scripts/repetitions.ts";
import { createKysely } from "../postgres/database.ts";
import type { Tables } from "../flows/rows/tables.ts";
import { verify } from "../flows/verification/verify.ts";
import { cancel, createBank, start, submit, TestClient } from "../testing/bank.ts";
import { cuttingPool } from "../testing/connections/cutting-pool.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { signIn, testKeeper } from "../testing/sign-ins.ts";
import { Browser } from "../testing/visits/browser.ts";
import { hosts } from "../testing/visits/hosts.ts";
import { checkedOptions } from "./options/checked-options.ts";
import { visitorOf } from "./request/visitor-secret.ts";
import { signInsOver } from "./sign-ins.ts";

const { pool, url } = await freshDatabase();
const cutting = cuttingPool({ connectionString: url, max: 4 });
const db = createKysely<Tables>(pool).withSchema("sessions");
/** A transaction moves so many entries, and one for each session. */
const entriesAtOnce = 8;
const sessions = createBank(pool, { sweeps: false });
const cutSessions = createBank(cutting.pool, { sweeps: false });

function createKeeper(database = pool, adoption = sessions.adoption) {
  const keeper = testKeeper(database, { entriesAtOnce, report: () => {} });
  keeper.adopts(adoption);
  return keeper;
}

const keeper = createKeeper();
beforeAll(async () => {
  await keeper.migrate();
  await sessions.migrate();
});
afterAll(async () => {
  await keeper.close();
  await sessions.close();
  await cutSessions.close();
  await cutting.pool.end();
});

/** A visitor with five sessions of two entries, two of them ended, and one that is larger than a transaction moves. */
async function largeVisitor() {
  const secret = randomBytes(32).toString("base64url");
  const visitor = visitorOf(secret)!;
  const client = new TestClient(sessions, visitor);
  const ids = Array.from({ length: 6 }, () => uuidv7());
  const [large, ended, other] = ids as [string, string, string];
  await client.push(...ids.map((id) => start(id, "notes")), cancel(ended), cancel(other));
  await client.push(...ids.slice(3).map((id) => submit(id, "left", { text: "typed" })));
  let left: string | null = null;
  for (let nth = 0; nth < 12; nth += 1) {
    const change = submit(large, "left", { text: `${nth}` }, { left });
    left = change.id;
    await client.one(change);
  }
  return { secret, visitor, client, ids };
}

/** The owners of these sessions, by the rows. */
async function ownersOf(ids: readonly string[]): Promise<readonly string[]> {
  const { rows } = await pool.query<{ owner: string }>(
    `select owner_id as owner from sessions.session where id = any($1)
     union all select owner_id from sessions.session_archive where id = any($1)`,
    [ids],
  );
  return rows.map(({ owner }) => owner);
}

async function expectAllMoved(ids: readonly string[], owner: string): Promise<void> {
  expect(await ownersOf(ids)).toEqual(ids.map(() => owner));
  expect((await verify(db)).broken).toBeNull();
  const client = new TestClient(sessions, owner);
  const [large, ended] = ids;
  expect(await client.read(large!)).toMatchObject({ revision: 14, data: { left: { text: "11" } } });
  expect(await client.read(ended!)).toMatchObject({ status: "cancelled" });
  for (const id of ids.slice(3)) expect(await client.read(id)).toMatchObject({ data: { left: { text: "typed" } } });
}

test("S20: more than one transaction moves is the owner's soon after the sign-in, and the visitor is out at once", async () => {
  const { visitor, client, ids } = await largeVisitor();
  const begun = await keeper.begin({
    owner: "ada",
    factors: ["password"],
    device: "Firefox on Linux",
    place: null,
    current: null,
    visitors: [visitor],
  });
  expect(begun).toMatchObject({ kind: "begun", moving: [visitor] });
  await expect(client.one(start(uuidv7(), "notes"))).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  await vi.waitFor(() => expectAllMoved(ids, "ada"), { timeout: 5_000 });
});

test("S20: if the node dies before all has moved, the next page goes on, and nobody else gets it", async () => {
  const { visitor, client, ids } = await largeVisitor();
  const dying = createKeeper();
  const { signIn: begun } = await signIn(dying, "bob", { visitors: [visitor] });
  await dying.close();
  const owners = new Set(await ownersOf(ids));
  expect(owners).toEqual(new Set(["bob", visitor]));
  for (const ask of [() => client.list(), () => client.read(ids[0]!)]) {
    await expect(ask()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  }
  const eve = await signIn(keeper, "eve");
  expect(await keeper.adopt(eve.signIn, [visitor])).toEqual(new Set());
  // Two pages ask at once.
  const asked = await Promise.all([keeper.adopt(begun, [visitor]), keeper.adopt(begun, [visitor])]);
  expect(asked).toEqual([new Set([visitor]), new Set([visitor])]);
  await expectAllMoved(ids, "bob");
});

test("S20: the browser keeps the visitor's cookie until all has moved", async () => {
  const visited = createKeeper();
  const signIns = signInsOver(visited, checkedOptions({ database: pool, visitors: true, sweeps: false }));
  const host = await hosts["node"]!(signIns);
  const { secret, ids } = await largeVisitor();
  const device = new Browser(host.url);
  device.jar.set("__Host-sign-in-visitor", secret);
  await device.signIn("cy");
  expect(device.jar.get("__Host-sign-in-visitor")).toBe(secret);
  const current = await device.call("current", undefined);
  expect(current.data).toMatchObject({ owner: "cy", visitor: true });
  expect((await device.call("adopt", {})).data).toEqual({ adopted: true });
  await expectAllMoved(ids, "cy");
  expect(device.jar.has("__Host-sign-in-visitor")).toBe(false);
  await host.stop();
  await signIns.close();
});

test("S20: nothing is lost or twice when the connection is lost at any statement of any of the transactions", async () => {
  const cut = createKeeper(cutting.pool, cutSessions.adoption);
  let hasCut = true;
  const step = repetitions({ few: 16, many: 1 });
  for (let nth = 0; hasCut; nth += step) {
    const { visitor, ids } = await largeVisitor();
    const owner = `owner ${nth}`;
    let left = nth;
    const { cuts } = cutting;
    cutting.cutAt({ test: () => left-- === 0 }, nth % (2 * step) === 0 ? "before" : "after");
    // A page asks again.
    const { signIn: begun } = await vi.waitFor(() => signIn(cut, owner, { visitors: [visitor] }));
    expect(await vi.waitFor(() => cut.adopt(begun, [visitor]))).toEqual(new Set([visitor]));
    hasCut = cutting.cuts > cuts;
    cutting.cutAt(/$^/, "before");
    await expectAllMoved(ids, owner);
  }
  await cut.close();
});
