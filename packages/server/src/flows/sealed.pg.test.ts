import { v7 as uuidv7 } from "uuid";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Sessions } from "../index.ts";
import { generateKey, keyId } from "../secrets/key-ring.ts";
import { adoptSessions, visitorNamed } from "../testing/adopting.ts";
import { draft, start, submit, TestClient } from "../testing/bank.ts";
import { sessionsOn, sessionsWith } from "../testing/cli.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { everyColumn, payment, paymentNode } from "../testing/secrets/payments.ts";
import { watching } from "../testing/watcher.ts";
import { sessionHistory } from "./session-history.ts";

const key = generateKey();
const { pool, url } = await freshDatabase();
const first = paymentNode(pool, key);
await first.migrate();

const cli = (...words: string[]) => sessionsWith({ databaseUrl: url, keys: key }, ...words);
const wholeNumber = expect.any(Number) as number;

async function submitted(client: TestClient, number: string, note = "rent") {
  const session = uuidv7();
  const [amount, card] = [submit(session, "amount", { note }), submit(session, "card", { number })];
  const { outcomes } = await client.push(start(session, "payment"), amount, card);
  expect(outcomes.map(({ status }) => status)).toEqual(["accepted", "accepted", "accepted"]);
  const seen = { review: null, amount: amount.id, card: card.id };
  return { session, card, review: submit(session, "review", {}, seen) };
}

async function recordsOf(node: Sessions, owner: string) {
  const records: unknown[] = [];
  for await (const record of node.as(owner, { name: "Privacy desk" }).export()) records.push(record);
  return JSON.stringify(records);
}

/** What a projection gets of a session. */
async function projected(node: Sessions, owner: string, session: string, secret: boolean) {
  const source = sessionHistory([payment], { opener: node.opener, secret });
  const { rows } = await pool.query<{ body: string }>(
    `select ${source.body} as body from sessions.session_event as event where session_id = $1 order by entry`,
    [session],
  );
  const entries: unknown[] = [];
  for (const { body } of rows) entries.push(await source.read({ owner, body, at: "" } as never));
  return JSON.stringify(entries);
}

describe.each(["sensitive", "all"] as const)("with keys, and what is %s sealed", (encrypt) => {
  const owner = `ada ${encrypt}`;
  let nowMs = Date.now();
  const node = paymentNode(pool, key, { encrypt, now: () => nowMs });
  const ada = new TestClient(node, owner, "Phone");
  // Another node reads all of it: it has nothing in memory.
  const other = new TestClient(paymentNode(pool, key, { encrypt: "read" }), owner, "Laptop");
  const [secret, note] = [`4111 ${encrypt}`, `note of ${encrypt}`];

  test("S11: a sensitive step is in no column, before and after the end, and the application gets it", async () => {
    const { session, card, review } = await submitted(ada, secret, note);
    await ada.one(draft(session, "amount", "note", `draft of ${encrypt}`));
    const active = await everyColumn(pool);
    expect(active).not.toContain(secret);
    const watcher = await watching(node, owner);
    expect(await ada.one(card)).toMatchObject({ status: "accepted", replayed: true });
    expect(await ada.one(review)).toMatchObject({ status: "accepted" });
    await watcher.reach(5);
    await watcher.stop();
    const ended = await everyColumn(pool);
    expect(ended).not.toContain(secret);
    for (const text of [note, `draft of ${encrypt}`]) {
      expect(active.includes(text), text).toBe(encrypt === "sensitive");
    }
    expect(ended.includes(`R ${secret.slice(-4)}`)).toBe(encrypt === "sensitive");
    // The handler had it.
    expect(watcher.seen.at(-1)).toMatchObject({ result: { reference: `R ${secret.slice(-4)}` }, data: { card: null } });
  });

  test("a node that has nothing in memory reads, lists, replays and continues the session", async () => {
    const { session, card, review } = await submitted(ada, secret, note);
    expect(await other.read(session)).toEqual(await ada.read(session));
    expect((await other.list()).active.map(({ id }) => id)).toContain(session);
    expect(await other.caller.receipt({ session, command: card.id })).toMatchObject({ outcome: { replayed: true } });
    expect(await other.one({ ...card, input: { number: "another" } })).toMatchObject({
      refusal: { code: "command_mismatch" },
    });
    expect(await other.one(review)).toMatchObject({ status: "accepted", revision: wholeNumber });
    expect(await ada.read(session)).toMatchObject({
      status: "completed",
      outputs: { amount: { fee: `fee of ${note}` } },
    });
  });

  test("S11: a projection gets a sensitive step if it may, and an export never", async () => {
    const { session, review } = await submitted(ada, secret, note);
    await ada.one(review);
    expect(await projected(node, owner, session, true)).toContain(secret);
    const shown = await projected(node, owner, session, false);
    expect(shown).toContain(note);
    expect(shown).not.toContain(secret);
    const texts = [await recordsOf(node, owner), (await cli("export", "--owner", owner)).stdout];
    texts.push((await cli("export", new Date().toISOString().slice(0, 7))).stdout);
    for (const text of texts) {
      expect(text).toContain(note);
      expect(text).not.toContain(secret);
    }
  });

  test("the sweep seals an expired session for the archive, and what was sealed is read there", async () => {
    const { session } = await submitted(ada, secret, note);
    nowMs += 400 * 24 * 3_600_000;
    await node.sweep();
    nowMs = Date.now();
    expect(await other.read(session)).toMatchObject({ status: "expired", data: { amount: { note } } });
    expect(await cli("verify")).toMatchObject({ code: 0 });
  });

  test("S20: an adoption seals a visitor's sessions for the owner, active and ended", async () => {
    const visitor = visitorNamed(encrypt);
    const stranger = new TestClient(node, visitor, "Kiosk");
    const [open, done] = [await submitted(stranger, secret, note), await submitted(stranger, secret, note)];
    await stranger.one(done.review);
    await adoptSessions(node, visitor, owner);
    await pool.query("update sessions.owner_key set data = null where owner_id = $1", [visitor]);
    await pool.query("insert into sessions.erasure (owner_id, number, at) values ($1, 1, now())", [visitor]);
    const adopted = new TestClient(paymentNode(pool, key, { encrypt }), owner, "Laptop");
    expect(await adopted.read(open.session)).toMatchObject({ data: { amount: { note } } });
    expect(await adopted.read(done.session)).toMatchObject({ status: "completed" });
    expect(await projected(node, owner, open.session, true)).toContain(secret);
    expect(await adopted.one(open.review)).toMatchObject({ status: "accepted" });
    expect(await cli("verify")).toMatchObject({ code: 0 });
  });

  test("S24: an erasure destroys the data key, and a node that had it in memory opens nothing", async () => {
    await submitted(ada, secret, note);
    const { rows: before } = await pool.query("select * from sessions.session where owner_id = $1", [owner]);
    await node.as(owner, { name: "Privacy desk" }).erase();
    // As if a replica still had a row.
    const row = before.at(-1) as { id: string };
    await pool.query("insert into sessions.session select * from json_populate_record(null::sessions.session, $1)", [
      JSON.stringify(row),
    ]);
    onTestFinished(async () => void (await pool.query("delete from sessions.session where id = $1", [row.id])));
    await expect(ada.read(row.id)).rejects.toThrow(/sealed_invalid|internal/i);
    expect((await ada.list()).active).toEqual([]);
    await ada.one(start(uuidv7(), "payment"));
    expect((await ada.list()).active).toHaveLength(1);
    const { rows } = await pool.query<{ generation: number; gone: boolean }>(
      "select generation, data is null as gone from sessions.owner_key where owner_id = $1 order by generation",
      [owner],
    );
    expect(rows).toEqual([
      { generation: 1, gone: true },
      { generation: 2, gone: false },
    ]);
  });
});

test("a node without the key of an owner refuses to start and names the key, with the key behind a newer one it starts", async () => {
  await submitted(new TestClient(first, "bea"), "4111 of bea");
  const id = keyId(Buffer.from(key, "base64url"));
  const newer = generateKey();
  await expect(paymentNode(pool, newer).check()).rejects.toThrow(`keys_missing: Something is sealed with key ${id}`);
  await paymentNode(pool, `${newer} ${key}`).check();
  const without = await sessionsOn(url, "verify");
  expect(without.code).not.toBe(0);
  expect(without.stderr).toContain(id);
});

test("an owner whose wrapped key was changed gets a fault that names the key, and other owners are served", async () => {
  const reports: string[] = [];
  const [cy, dan] = ["cy", "dan"].map((name) => new TestClient(first, name)) as [TestClient, TestClient];
  const [hers, his] = [await submitted(cy, "4111 of cy"), await submitted(dan, "4111 of dan")];
  await pool.query(
    `update sessions.owner_key as broken set data = whole.data from sessions.owner_key as whole
     where broken.owner_id = 'cy' and whole.owner_id = 'dan'`,
  );
  onTestFinished(async () => void (await pool.query("delete from sessions.session where owner_id = 'cy'")));
  const node = paymentNode(pool, key, { onError: ({ message }) => reports.push(message) });
  await expect(new TestClient(node, "cy").read(hers.session)).rejects.toThrow(/sealed_invalid|internal/i);
  expect((await new TestClient(node, "cy").list()).active).toEqual([]);
  expect(await new TestClient(node, "dan").read(his.session)).toMatchObject({ data: { amount: { note: "rent" } } });
  expect(reports.join("\n")).toContain(`The row of session ${hers.session} does not open`);
  expect(reports.join("\n")).not.toContain("4111");
});
