import { CompiledQuery } from "kysely";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createKysely } from "../../postgres/database.ts";
import { generateKey } from "../../secrets/key-ring.ts";
import { adoptSessions, visitorNamed } from "../../testing/adopting.ts";
import { cancel, createBank, start, submit, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { pausingPool } from "../../testing/connections/pausing-pool.ts";
import { paymentNode } from "../../testing/secrets/payments.ts";
import type { Tables } from "../rows/tables.ts";
import { verify, type BrokenSession } from "./verify.ts";

const key = generateKey();
const nowadaysMs = Date.now();
const earlierMs = nowadaysMs - 70 * 86_400_000;
const monthOf = (atMs: number) => new Date(atMs).toISOString().slice(0, 7);

describe.each(["with keys", "without keys"] as const)("%s", async (name) => {
  const isKeyed = name === "with keys";
  const flow = isKeyed ? "payment" : "notes";
  const { pool, url } = await freshDatabase();
  const pausing = pausingPool({ connectionString: url });
  const before = async (statement: RegExp, work: () => Promise<unknown>) => {
    const { reached, resume } = pausing.pauseAt(statement);
    await reached;
    await work().finally(resume);
  };
  const db = createKysely<Tables>(pool).withSchema("sessions");
  let nowMs = earlierMs;
  const nodeOf = () =>
    isKeyed ? paymentNode(pool, key, { now: () => nowMs }) : createBank(pool, { now: () => nowMs, sweeps: false });
  const node = nodeOf();
  const sessions: string[] = [];
  const [visitor, oldest] = [visitorNamed("ada's"), uuidv7()];

  afterAll(() => pausing.pool.end());
  beforeAll(async () => {
    await node.migrate();
    const ada = new TestClient(node, "ada");
    const begin = async (client: TestClient, id = uuidv7()) => {
      await client.one(start(id, flow));
      sessions.push(id);
      return id;
    };
    await begin(ada, oldest);
    await ada.one(cancel(oldest));
    nowMs = nowadaysMs;
    await begin(ada);
    await ada.one(cancel(await begin(ada)));
    const guest = new TestClient(node, visitor);
    await begin(guest);
    await guest.one(cancel(await begin(guest)));
    await adoptSessions(node, visitor, "ada");
    await begin(ada);
    await new TestClient(node, "bob").one(start(uuidv7(), flow));
  });

  /** The ciphers are loaded before the transaction: it must not wait for another connection. */
  async function checked(on: typeof db, options: { readonly firstHistoryMonth?: string } = {}) {
    const opener = nodeOf().opener;
    const ciphers = new Map<string, Awaited<ReturnType<typeof opener.cipherOf>>>();
    for (const owner of ["ada", "bob", visitor]) ciphers.set(owner, await opener.cipherOf(owner));
    return verify(on, { cipherOf: (owner) => ciphers.get(owner)!, ...options });
  }

  const problemsOf = async (owner: string) => {
    const cipher = await nodeOf().opener.cipherOf(owner);
    const { broken } = await verify(db, {
      cipherOf: (other) => (other === owner ? cipher : nodeOf().opener.cipherOf(other)),
    });
    return broken?.owner === owner ? broken : null;
  };

  /** What verify finds after these statements, which are then taken back. */
  async function foundAfter(statements: readonly string[], options = {}): Promise<BrokenSession | null> {
    let broken: BrokenSession | null = null;
    const undone = db.transaction().execute(async (tx) => {
      for (const statement of statements) await tx.executeQuery(CompiledQuery.raw(statement));
      ({ broken } = await checked(tx, options));
      throw new Error("Take it back.");
    });
    await expect(undone).rejects.toThrow("Take it back.");
    return broken;
  }

  const without = (session: string) => [
    `delete from sessions.session where id = '${session}'`,
    `delete from sessions.session_archive where id = '${session}'`,
    `delete from sessions.session_event where session_id = '${session}'`,
  ];

  test("S15: verify finds nothing while nobody has changed anything", async () => {
    expect(await checked(db)).toEqual({ sessions: 7, broken: null });
  });

  test("S15: verify names a session that was removed with its whole history: active, ended, or adopted", async () => {
    expect(sessions).toHaveLength(6);
    for (const session of sessions) {
      expect(await foundAfter(without(session))).toEqual({
        owner: "ada",
        session,
        reason: "is gone, and its history too",
      });
    }
  });

  test("S15: verify names the owner of several sessions that were removed, and says how many", async () => {
    const [, ...later] = sessions;
    expect(await foundAfter(later.slice(0, 2).flatMap(without))).toEqual({
      owner: "ada",
      session: null,
      reason: `has 2 sessions less than those that it began since ${monthOf(nowadaysMs)}`,
    });
    expect(await foundAfter(sessions.flatMap(without))).toMatchObject({ owner: "ada" });
  });

  test("S15: verify names a session that was added by hand, or exchanged for another one", async () => {
    const added = uuidv7();
    const copy = (table: string, id: string) => `
      create temporary table copied on commit drop as select * from sessions.${table} where ${id} = '${sessions[1]!}';
      update copied set ${id} = '${added}';
      insert into sessions.${table} select * from copied;
      drop table copied`;
    const history = copy("session_event", "session_id").replace(
      `set session_id = '${added}'`,
      `set session_id = '${added}', body = replace(body::text, '${sessions[1]!}', '${added}')::json`,
    );
    const forged = [...copy("session", "id").split(";"), ...history.split(";")];
    if (!isKeyed) {
      // Without keys, anybody can compute the hashes of a history.
      forged.push(
        `update sessions.session_event set hash = sha256(convert_to(body::text, 'UTF8')) where session_id = '${added}'`,
        `update sessions.session set hash = (select hash from sessions.session_event where session_id = '${added}') where id = '${added}'`,
      );
      const notBegun = "is there, and its owner has not begun it";
      expect(await foundAfter(forged)).toEqual({ owner: "ada", session: added, reason: notBegun });
      expect(await foundAfter([...forged, ...without(sessions[1]!)])).toEqual({
        owner: "ada",
        session: null,
        reason: `has other sessions than those that it began since ${monthOf(nowadaysMs)}`,
      });
    } else {
      expect(await foundAfter(forged)).toMatchObject({ owner: "ada", session: added });
    }
  });

  test("S15: verify names an owner whose count was changed, removed or put back without the key", async () => {
    const changed = { owner: "ada", session: null, reason: "has a count of its sessions that was changed" };
    const [last] = sessions.slice(-1);
    const lower = `update sessions.owner set begun = '{"keyed":false,"plain":false,"spans":[]}' where owner_id = 'ada'`;
    expect(await foundAfter([...without(last!), lower])).toEqual(changed);
    expect(await foundAfter([`update sessions.owner set begun = '7' where owner_id = 'ada'`])).toEqual(changed);
    expect(await foundAfter([`update sessions.owner set begun_hash = null where owner_id = 'ada'`])).toEqual(changed);
    const rehashed = `update sessions.owner set begun_hash =
      sha256(convert_to(json_build_array('sessions begun 1', owner_id, begun::text)::text, 'UTF8')) where owner_id = 'ada'`;
    if (isKeyed) expect(await foundAfter([...without(last!), lower, rehashed])).toEqual(changed);
    const removed = await foundAfter([`delete from sessions.owner where owner_id = 'ada'`]);
    expect(removed).toMatchObject({ owner: "ada", reason: "is there, and its owner has not begun it" });
    const all = sessions.flatMap(without);
    const forgotten = await foundAfter([...all, `delete from sessions.owner where owner_id = 'ada'`]);
    if (isKeyed) expect(forgotten).toMatchObject({ owner: "ada", reason: "has keys, and no count of its sessions" });
  });

  test.runIf(isKeyed)(
    "S15: verify names an owner whose erasure somebody has imitated, without a tombstone",
    async () => {
      const imitated = [
        ...sessions.flatMap(without),
        "update sessions.owner set begun = null, begun_hash = null where owner_id = 'ada'",
        "update sessions.owner_key set data = null where owner_id = 'ada'",
      ];
      const reason = "has a destroyed key, and was not erased";
      expect(await foundAfter(imitated)).toEqual({ owner: "ada", session: null, reason });
    },
  );

  test("verify misses no session of a month that a retention has dropped", async () => {
    const statements = without(oldest);
    expect(await foundAfter(statements)).toMatchObject({ session: oldest });
    expect(await foundAfter(statements, { firstHistoryMonth: monthOf(nowadaysMs) })).toBeNull();
    const [, kept] = sessions;
    expect(await foundAfter(without(kept!), { firstHistoryMonth: monthOf(nowadaysMs) })).toMatchObject({
      session: kept,
    });
  });

  test("S24: a session that begins while its owner is erased is erased too, or whole", async () => {
    const [eve, begun] = [new TestClient(node, "eve"), uuidv7()];
    await eve.one(start(uuidv7(), flow));
    const eraser = isKeyed ? paymentNode(pausing.pool, key) : createBank(pausing.pool, { sweeps: false });
    await Promise.all([
      before(/delete from "sessions"."activity|delete from "sessions"."device/, () => eve.one(start(begun, flow))),
      eraser.as("eve", { name: "Privacy desk" }).erase(),
    ]);
    expect(await eve.read(begun)).toBeNull();
    const { rows } = await pool.query("select begun from sessions.owner where owner_id = 'eve'");
    expect(rows).toEqual([{ begun: null }]);
    const again = uuidv7();
    expect(await eve.one(start(again, flow))).toMatchObject({ status: "accepted" });
    expect(await eve.read(again)).toMatchObject({ id: again });
    expect(await problemsOf("eve")).toBeNull();
  });

  test.runIf(isKeyed)("a start that did not know its owner's new keys begins again with them", async () => {
    const reader = paymentNode(pausing.pool, key, { encrypt: "read" });
    const [plain, sealed] = [uuidv7(), uuidv7()];
    const other = new TestClient(node, "late");
    const [, outcome] = await Promise.all([
      before(/"owner" where "owner_id" = \$1 for update/, () => other.one(start(sealed, flow))),
      new TestClient(reader, "late").one(start(plain, flow)),
    ]);
    expect(outcome).toMatchObject({ status: "accepted" });
    const { rows } = await pool.query("select id from sessions.session where owner_id = 'late' and sealed is not null");
    expect(rows).toHaveLength(2);
    expect(await problemsOf("late")).toBeNull();
  });

  test("a start leaves a count that was changed as it is, and the person goes on", async () => {
    await pool.query(`update sessions.owner set begun = '{"spans": 1}' where owner_id = 'bob'`);
    const bob = new TestClient(node, "bob");
    const session = uuidv7();
    expect(await bob.one(start(session, flow))).toMatchObject({ status: "accepted" });
    const [step, input] = isKeyed ? ["amount", { note: "n" }] : ["left", { text: "t" }];
    expect(await bob.one(submit(session, step, input))).toMatchObject({ status: "accepted" });
    expect(await problemsOf("bob")).toMatchObject({ session: null });
  });
});
