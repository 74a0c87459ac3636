import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createKysely } from "../postgres/database.ts";
import type { OwnerTables } from "../postgres/tables.ts";
import { keysFromEnvironment } from "../secrets/environment-keys.ts";
import { generateKey } from "../secrets/key-ring.ts";
import { OwnerCiphers, type Encrypt } from "../secrets/owner-ciphers.ts";
import { draft, start, submit, TestClient } from "../testing/bank.ts";
import { sessionsWith } from "../testing/cli.ts";
import { cuttingPool } from "../testing/connections/cutting-pool.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { everyColumn, paymentNode } from "../testing/secrets/payments.ts";
import { repetitions } from "../../../../scripts/repetitions.ts";
import type { Tables } from "./rows/tables.ts";
import { sealSessions } from "./seal-sessions.ts";
import { verify } from "./verification/verify.ts";

const key = generateKey();
const { pool, url } = await freshDatabase();
const cutting = cuttingPool({ connectionString: url, max: 2 });
/** It has the keys, and seals nothing of owners who have none: the first of the two deploys. */
const earlier = paymentNode(pool, key, { encrypt: "read" });
const db = createKysely<Tables>(pool).withSchema("sessions");

beforeAll(() => earlier.migrate());
afterAll(() => cutting.pool.end());

/** An active session with a draft, and an ended one. Both have a secret input. */
async function fill(owner: string) {
  const client = new TestClient(earlier, owner);
  const [active, ended] = [uuidv7(), uuidv7()];
  for (const session of [active, ended]) {
    const [amount, card] = [
      submit(session, "amount", { note: `note of ${owner}` }),
      submit(session, "card", { number: `card of ${owner}` }),
    ];
    await client.push(start(session, "payment"), amount, card);
    const seen = { review: null, amount: amount.id, card: card.id };
    if (session === ended) await client.one(submit(session, "review", {}, seen));
    else await client.one(draft(session, "amount", "note", `draft of ${owner}`));
  }
  return { client, active, ended };
}

const ciphersOf = (encrypt: Encrypt, on = pool) =>
  new OwnerCiphers({
    db: createKysely<OwnerTables>(on),
    schema: "sessions",
    provider: keysFromEnvironment(key),
    now: Date.now,
    encrypt,
  });

function seal(encrypt: "sensitive" | "all", on = pool, onProgress = () => {}): Promise<number> {
  const report = (error: Error) => {
    throw error;
  };
  const sealed = createKysely<Tables>(on).withSchema("sessions");
  return sealSessions({ db: sealed, ciphers: ciphersOf(encrypt, on), now: Date.now, onProgress, report });
}

const broken = async () => {
  const ciphers = ciphersOf("read");
  return (await verify(db, { cipherOf: (owner) => ciphers.forReading(owner) })).broken;
};

test("S11: sessions keys seal seals the secrets of earlier rows and histories, and later all of them", async () => {
  const { client, active, ended } = await fill("ada");
  expect(await everyColumn(pool)).toContain("card of ada");
  const before = { active: await client.read(active), ended: await client.read(ended) };
  const command = (...words: string[]) =>
    sessionsWith({ databaseUrl: url, keys: key }, "keys", "seal", "--json", ...words);
  expect(JSON.parse((await command()).stdout)).toEqual({ sealed: 2, faults: [] });
  const secret = await everyColumn(pool);
  expect(secret).not.toContain("card of ada");
  expect(secret).toContain("note of ada");
  expect(await broken()).toBeNull();

  // Now the row of the active session is sealed, and its history is not.
  const later = new TestClient(paymentNode(pool, key, { encrypt: "all" }), "ada");
  await later.one(draft(active, "amount", "note", "draft of ada", Date.now() + 1));
  expect(JSON.parse((await command("--encrypt", "all")).stdout)).toEqual({ sealed: 2, faults: [] });
  const all = await everyColumn(pool);
  for (const text of ["card of ada", "note of ada", "draft of ada", "fee of"]) expect(all).not.toContain(text);
  expect(await broken()).toBeNull();
  expect(JSON.parse((await command("--encrypt", "all")).stdout)).toEqual({ sealed: 0, faults: [] });

  expect(await client.read(ended)).toEqual(before.ended);
  const { revision, data } = (await client.read(active))!;
  expect(data).toEqual(before.active!.data);
  expect(revision).toBe(before.active!.revision + 3);
  expect(await sessionsWith({ databaseUrl: url }, "keys", "seal")).toMatchObject({ code: 2 });
});

test("a node that knows a session from before the sealing goes on with it, and a repeat gets its first outcome", async () => {
  const { client, active, ended } = await fill("grace");
  const repeated = submit(active, "amount", { note: "second" });
  const state = await client.read(active);
  const first = { ...repeated, seen: { amount: state!.submissions["amount"]!.command } };
  await client.one(first);
  await seal("all");
  expect(await client.one(first)).toMatchObject({ status: "accepted", replayed: true });
  const next = submit(active, "card", { number: "another" }, { card: state!.submissions["card"]!.command });
  expect(await client.one(next)).toMatchObject({ status: "accepted" });
  expect(await client.read(ended)).toMatchObject({ status: "completed" });
  expect(await broken()).toBeNull();
});

test("S15: once an owner is sealed, a chain without keys is named, whatever its dates say", async () => {
  const { ended } = await fill("edith");
  await seal("sensitive");
  const plain = `
    do $$
    declare before text := ''; each record;
    begin
      for each in select entry, body from sessions.session_event where session_id = '${ended}' order by entry loop
        before := encode(sha256(convert_to(before || each.body::text, 'UTF8')), 'hex');
        update sessions.session_event set hash = decode(before, 'hex') where session_id = '${ended}' and entry = each.entry;
      end loop;
      update sessions.session_archive set hash = decode(before, 'hex') where id = '${ended}';
    end $$`;
  await pool.query("create table kept_event as table sessions.session_event");
  await pool.query("create table kept_archive as table sessions.session_archive");
  await pool.query(plain);
  expect(await broken()).toEqual({ owner: "edith", session: ended, reason: "has an entry 1 that was changed" });
  await pool.query(`
    update sessions.session_event as event set hash = kept.hash from kept_event as kept
      where kept.session_id = event.session_id and kept.entry = event.entry;
    update sessions.session_archive as session set hash = kept.hash from kept_archive as kept where kept.id = session.id`);
  expect(await broken()).toBeNull();
});

test("a sealing that is killed at any statement loses nothing, and the next run ends it", async () => {
  let hasCut = true;
  for (let nth = 0; hasCut; nth += repetitions({ few: 13, many: 1 })) {
    const owner = `killed-${nth}`;
    const { client, active, ended } = await fill(owner);
    const before = [(await client.read(active))!.data, await client.read(ended)];
    let left = nth;
    const { cuts } = cutting;
    cutting.cutAt({ test: () => left-- === 0 }, (["before", "after"] as const)[nth % 2]!);
    await seal("all", cutting.pool).catch(() => {});
    hasCut = cutting.cuts > cuts;
    cutting.cutAt(/$^/, "before");
    expect(await broken(), `statement ${nth}`).toBeNull();
    expect([(await client.read(active))!.data, await client.read(ended)]).toEqual(before);
    await seal("all");
    expect(await broken(), `statement ${nth}`).toBeNull();
    expect(await everyColumn(pool)).not.toContain(`note of ${owner}`);
  }
}, 60_000);

test("a sealing that is stopped goes on where it was", async () => {
  await fill("stopped");
  const stopping = seal("all", pool, () => {
    throw new Error("Stop.");
  });
  await expect(stopping).rejects.toThrow("Stop.");
  expect(await broken()).toBeNull();
  expect(await seal("all")).toBeGreaterThan(0);
  expect(await seal("all")).toBe(0);
});
