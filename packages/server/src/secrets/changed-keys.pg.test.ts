import { v7 as uuidv7 } from "uuid";
import { afterAll, expect, test } from "vitest";
import type { Bus, Sessions } from "../index.ts";
import { adoptSessions, visitorNamed } from "../testing/adopting.ts";
import { draft, start, submit, TestClient } from "../testing/bank.ts";
import { sessionsWith } from "../testing/cli.ts";
import { pausingPool } from "../testing/connections/pausing-pool.ts";
import { eventually } from "../testing/eventually.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { payment, paymentNode } from "../testing/secrets/payments.ts";
import { keysFromEnvironment } from "./environment-keys.ts";
import { generateKey } from "./key-ring.ts";
import { sessionHistory } from "../flows/session-history.ts";

// The keys of an owner change while nodes have none, or older ones, in memory. No node hears a notice here.

const key = generateKey();
const { pool, url } = await freshDatabase();
const pausing = pausingPool({ connectionString: url });
const faults: string[] = [];
const onError = ({ message, cause }: Error) => void faults.push(`${message} ${String(cause)}`);
const node = paymentNode(pool, key, { encrypt: "all", onError });
const reading = paymentNode(pausing.pool, key, { encrypt: "read", onError });
const other = paymentNode(pausing.pool, key, { encrypt: "all", onError });
await node.migrate();
afterAll(() => pausing.pool.end());

const accepted = { status: "accepted" };
const fresh = (owner: string) => new TestClient(paymentNode(pool, key, { encrypt: "all", onError }), owner);
const erase = (on: Sessions, owner: string) => on.as(owner, { name: "Privacy desk" }).erase();
const typed = (session: string, note: string) => submit(session, "amount", { note });
const verified = async () => {
  const { code, stdout } = await sessionsWith({ databaseUrl: url, keys: key }, "verify");
  return [code, stdout];
};
const whole = [0, expect.stringMatching(/are whole/)];

async function startedBy(client: TestClient, note = "rent"): Promise<string> {
  const session = uuidv7();
  const { outcomes } = await client.push(start(session, "payment"), typed(session, note));
  expect(outcomes).toMatchObject([accepted, accepted]);
  return session;
}

test.each(["all", "sensitive", "read"] as const)(
  "S24: an owner who comes back to a node (%s) with the destroyed key in memory loses nothing",
  async (encrypt) => {
    const owner = `back at ${encrypt}`;
    const client = new TestClient(paymentNode(pool, key, { encrypt, onError }), owner);
    const before = await startedBy(new TestClient(node, owner));
    await client.read(before);
    await startedBy(client);
    await erase(other, owner);
    const session = await startedBy(client, "back");
    expect(await fresh(owner).read(session)).toMatchObject({ data: { amount: { note: "back" } } });
    expect(await verified()).toEqual(whole);
  },
);

test("a node with older keys in memory reads, lists, changes and projects what newer ones have sealed", async () => {
  const client = new TestClient(node, "newer");
  await startedBy(client);
  await erase(other, "newer");
  const elsewhere = fresh("newer");
  const session = await startedBy(elsewhere, "newer");
  expect(await client.read(session)).toMatchObject({ data: { amount: { note: "newer" } } });
  await erase(other, "newer");
  const last = await startedBy(fresh("newer"), "newest");
  expect((await client.list()).active).toMatchObject([{ data: { amount: { note: "newest" } } }]);
  await erase(other, "newer");
  const projected = await startedBy(fresh("newer"), "projected");
  const source = sessionHistory([payment], { opener: node.opener });
  const { rows } = await pool.query<{ body: string }>(
    `select ${source.body} as body from sessions.session_event as event where session_id = $1 and entry = 2`,
    [projected],
  );
  const entry = await source.read({ owner: "newer", body: rows[0]!.body, at: "" } as never);
  expect(entry).toMatchObject({ data: { note: "projected" } });
  await erase(other, "newer");
  const changed = await startedBy(fresh("newer"), "changed");
  expect(await client.one(submit(changed, "card", { number: "4111" }))).toMatchObject(accepted);
  expect(await client.read(last)).toBeNull();
  expect(await verified()).toEqual(whole);
});

test("S24: a session that starts while the key is destroyed is erased, and none is left that nobody can read", async () => {
  await startedBy(new TestClient(node, "meanwhile"));
  const { reached, resume } = pausing.pauseAt(/delete from "sessions"."device"/);
  const erased = erase(other, "meanwhile");
  await reached;
  const session = await startedBy(new TestClient(node, "meanwhile"), "late");
  resume();
  expect(await erased).toMatchObject({ sessions: 2 });
  expect(await new TestClient(node, "meanwhile").read(session)).toBeNull();
  expect(await verified()).toEqual(whole);
});

test("S24: an erasure waits for a start that uses the key, and erases it", async () => {
  await startedBy(new TestClient(node, "started"));
  const { reached, resume } = pausing.pauseAt(/insert into "sessions"."session"/);
  const session = uuidv7();
  const starting = new TestClient(other, "started").one(start(session, "payment"));
  await reached;
  const erased = erase(node, "started");
  await eventually(async () => {
    const { rows } = await pool.query("select from pg_stat_activity where wait_event_type = 'Lock'");
    expect(rows).toHaveLength(1);
  });
  resume();
  expect(await starting).toMatchObject(accepted);
  expect(await erased).toMatchObject({ sessions: 2 });
  expect(await fresh("started").read(session)).toBeNull();
  expect(await verified()).toEqual(whole);
});

test("a node that only reads decides on a session that another node seals for the first time meanwhile", async () => {
  const session = uuidv7();
  await new TestClient(reading, "first").one(start(session, "payment"));
  const { reached, resume } = pausing.pauseAt(/from "sessions"."session".*for update/);
  const deciding = new TestClient(reading, "first").one(typed(session, "rent"));
  await reached;
  expect(await new TestClient(node, "first").one(draft(session, "amount", "note", "typed"))).toMatchObject(accepted);
  resume();
  expect(await deciding).toMatchObject({ status: "accepted", revision: 3 });
  expect(faults).toEqual([]);
  expect(await verified()).toEqual(whole);
});

test.each(["for the first time", "again"])(
  "S20: a visitor's session that is sealed %s while it is adopted is the owner's",
  async (when) => {
    const visitor = visitorNamed(when);
    const session = uuidv7();
    await new TestClient(when === "again" ? node : reading, visitor).one(start(session, "payment"));
    const { reached, resume } = pausing.pauseAt(/"owner_id" = .* order by "id" limit .* for update/);
    const adopted = adoptSessions(other, visitor, `owner of ${when}`);
    await reached;
    // The device is noted after the command, and waits for the adoption.
    const changing = new TestClient(node, visitor).one(typed(session, "rent")).catch(({ message }: Error) => message);
    await eventually(async () => {
      const { rows } = await pool.query("select revision from sessions.session where id = $1", [session]);
      const { rows: waiting } = await pool.query("select from pg_stat_activity where wait_event_type = 'Lock'");
      // The visitor's first keys wait for the adoption too: it has locked the visitor.
      expect([rows, waiting.length > 0]).toEqual([[{ revision: when === "again" ? 2 : 1 }], true]);
    });
    resume();
    await adopted;
    expect(await changing).toBe("This visitor has signed in.");
    expect(faults).toEqual([]);
    expect(await fresh(`owner of ${when}`).read(session)).toMatchObject({
      data: when === "again" ? { amount: { note: "rent" } } : {},
    });
    expect(await verified()).toEqual(whole);
  },
);

test("S24: a node whose bus was cut forgets all keys that it has in memory", async () => {
  let listen: Parameters<Bus["open"]>[0] | undefined;
  const bus: Bus = { open: (heard) => ((listen = heard), () => Promise.resolve()), publish: () => {} };
  const keys = keysFromEnvironment(key);
  let unwrapped = 0;
  const noting = {
    ...keys,
    unwrap: (...given: Parameters<typeof keys.unwrap>) => ((unwrapped += 1), keys.unwrap(...given)),
  };
  const heard = paymentNode(pool, key, { encrypt: "all", bus, keys: noting });
  const client = new TestClient(heard, "cut");
  const session = await startedBy(client);
  await client.read(session);
  const before = unwrapped;
  await client.read(session);
  expect(unwrapped).toBe(before);
  listen!.onListeningChange(true);
  await client.read(session);
  expect(unwrapped).toBeGreaterThan(before);
  await heard.close();
});
