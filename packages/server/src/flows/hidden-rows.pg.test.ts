import { expect, onTestFinished, test } from "vitest";
import type { Snapshot } from "@sessions/core/internal";
import { createKysely } from "../postgres/database.ts";
import { generateKey, keyId } from "../secrets/key-ring.ts";
import { clearCipher } from "../secrets/owner-cipher.ts";
import { adoptSessions, visitorNamed } from "../testing/adopting.ts";
import { draft, TestClient } from "../testing/bank.ts";
import { sessionsWith } from "../testing/cli.ts";
import { freshDatabase } from "../testing/postgres.ts";
import {
  charge,
  hidingNode,
  TOKEN,
  tokenOf,
  tokensInTables,
  untilPlace,
  type Handed,
} from "../testing/secrets/hiding.ts";
import { everyColumn } from "../testing/secrets/payments.ts";
import { encodeState } from "./rows/session-state.ts";
import type { Tables } from "./rows/tables.ts";
import { sessionHistory } from "./session-history.ts";
import { verifySession } from "./verification/verify.ts";

const { pool, url } = await freshDatabase();
const db = createKysely<Tables>(pool).withSchema("sessions");
const key = generateKey();
const node = hidingNode(pool, key);
await node.migrate();
const cli = (keys: string, ...words: string[]) => sessionsWith({ databaseUrl: url, keys }, ...words);

/** Completes a session on a node that has nothing in memory, and gives what `complete` got. */
async function completedWith({ place }: Awaited<ReturnType<typeof untilPlace>>, owner: string, keys = key) {
  const handed: Handed[] = [];
  const outcome = await new TestClient(hidingNode(pool, keys, { handed, cacheBytes: 0 }), owner).one(place);
  return { outcome, hidden: handed.at(-1)?.hidden };
}

const rowOf = async (session: string) =>
  (
    await pool.query<{ state: string; sealed: Buffer }>(
      "select state::text, sealed from sessions.session where id = $1",
      [session],
    )
  ).rows[0]!;

test.for(["sensitive", "all"] as const)(
  "S23: with %s values sealed, what is hidden is sealed too, active and ended",
  async (encrypt) => {
    const owner = `ada ${encrypt}`;
    const ada = new TestClient(hidingNode(pool, key, { encrypt }), owner);
    const begun = await untilPlace(ada, `12345 of ${encrypt}`);
    expect(await tokensInTables(pool)).toBe(false);
    expect((await rowOf(begun.session)).state.includes("12345")).toBe(encrypt === "sensitive");
    expect(await completedWith(begun, owner)).toMatchObject({
      hidden: { card: { token: tokenOf(`12345 of ${encrypt}`) } },
    });
    expect(await tokensInTables(pool)).toBe(false);
    expect((await cli(key, "verify")).code).toBe(0);
  },
);

test("S23: a node that seals nothing of an owner writes no hidden value", () => {
  const stored = { snapshot: {} as Snapshot, hidden: { id: "x" }, drafted: null, receiptKey: new Uint8Array() };
  expect(() => encodeState(clearCipher, stored)).toThrow("Hidden values are sealed");
  expect(encodeState(clearCipher, { ...stored, hidden: {} }).sealed).toBeNull();
});

test("S23: an earlier sealed value of the same row is a problem for verify, and fails the handler that needs it", async () => {
  const bea = new TestClient(node, "bea");
  const begun = await untilPlace(bea);
  const { session } = begun;
  const whole = await rowOf(session);
  // What the row had before the card was submitted: it opens, and hides nothing.
  const started = await untilPlace(bea);
  const cipher = await node.opener.cipherOf("bea");
  const empty = cipher.seal({ kind: "session", session, entry: null }, JSON.stringify({ receiptKey: "" }));
  const opened = JSON.parse(cipher.open({ kind: "session", session, entry: null }, whole.sealed)) as {
    readonly receiptKey: string;
    readonly hidden: Readonly<Record<string, { readonly token: string }>>;
  };
  const changed = (hidden: object) =>
    cipher.seal({ kind: "session", session, entry: null }, JSON.stringify({ ...opened, hidden }));
  const write = (sealed: Uint8Array | null, state = whole.state) =>
    pool.query("update sessions.session set sealed = $1, state = $2 where id = $3", [sealed, state, session]);
  const problem = () => verifySession(db, "bea", session, node.opener.cipherOf);
  expect(await problem()).toBeNull();
  const [command] = Object.keys(opened.hidden) as [string];

  for (const hidden of [
    {},
    { [command]: { token: TOKEN } },
    { [started.card.id]: opened.hidden[command] },
    { ...opened.hidden, [begun.note.id]: { token: TOKEN } },
  ]) {
    await write(changed(hidden));
    expect(await problem()).toBe("has other hidden values than its history");
  }
  const reports: string[] = [];
  const fresh = new TestClient(
    hidingNode(pool, key, { cacheBytes: 0, onError: ({ message }) => reports.push(message) }),
    "bea",
  );
  for (const [hidden, what] of [
    [{}, "no hidden value"],
    [{ [command]: { token: 5 } }, "a hidden value that its schema does not allow"],
  ] as const) {
    await write(changed(hidden));
    expect(await fresh.one(begun.place)).toEqual({ status: "refused", refusal: { code: "failed" } });
    expect(reports.at(-1)).toContain(`hidden_invalid: Flow charge, step card was submitted with ${what}. Command `);
  }
  // A value in clear, and one of another session, are none.
  await write(null, JSON.stringify({ ...JSON.parse(whole.state), sealed: undefined, hidden: opened.hidden }));
  expect(await fresh.one(begun.place)).toMatchObject({ refusal: { code: "failed" } });
  expect(reports.at(-1)).toContain("hidden_invalid");
  await write((await rowOf(started.session)).sealed);
  expect(await problem()).toContain("has a value that does not open");
  await write(empty);
  expect(await problem()).not.toBeNull();
  expect(reports.join()).not.toContain(TOKEN);
  await write(whole.sealed);
  expect(await completedWith(begun, "bea")).toMatchObject({ outcome: { status: "accepted" } });
});

test.for(["sensitive", "all"] as const)(
  "S23: with %s values sealed, a projection gets what is hidden only if it asks for what is secret",
  async (encrypt) => {
    const owner = `cy ${encrypt}`;
    const cy = new TestClient(hidingNode(pool, key, { encrypt }), owner);
    const { session, place } = await untilPlace(cy);
    await cy.one(place);
    const projected = async (secret: boolean) => {
      const source = sessionHistory([charge], { opener: node.opener, secret });
      const { rows } = await pool.query<{ body: string }>(
        `select ${source.body} as body from sessions.session_event as event where session_id = $1 order by entry`,
        [session],
      );
      const entries: unknown[] = [];
      for (const { body } of rows) entries.push(await source.read({ owner, body, at: "" } as never));
      return entries;
    };
    const shown = await projected(false);
    expect(shown[1]).toMatchObject({ step: "card", data: { number: "1234" }, output: { last: "1234" }, hidden: null });
    expect(JSON.stringify(shown)).not.toContain(TOKEN);
    expect((await projected(true))[1]).toMatchObject({ step: "card", hidden: { token: tokenOf("1234") } });
  },
);

test("S20, S23: an adoption seals what was hidden for the owner, and the owner goes on with it", async () => {
  const visitor = visitorNamed("dan");
  const kiosk = new TestClient(node, visitor, "Kiosk");
  const [open, done] = [await untilPlace(kiosk), await untilPlace(kiosk)];
  await kiosk.one(done.place);
  await adoptSessions(node, visitor, "dan");
  // Nothing of it needs the visitor's key any more.
  const { rows } = await pool.query<{ data: string }>(
    "update sessions.owner_key set data = null where owner_id = $1 returning old.data",
    [visitor],
  );
  expect(await completedWith(open, "dan")).toMatchObject({
    outcome: { status: "accepted" },
    hidden: { card: { token: tokenOf("1234") } },
  });
  await pool.query("update sessions.owner_key set data = $2 where owner_id = $1", [visitor, rows[0]?.data]);
  expect((await cli(key, "verify")).code).toBe(0);
  expect(await tokensInTables(pool)).toBe(false);
});

test("S23: after a rotation a node with the new key alone gives the handlers what was hidden", async () => {
  const fay = new TestClient(node, "fay");
  const begun = await untilPlace(fay);
  const newer = generateKey();
  await pool.query("create table keys_before as table sessions.owner_key");
  onTestFinished(async () => {
    await pool.query("delete from sessions.owner_key; insert into sessions.owner_key table keys_before");
  });
  expect((await cli(`${newer} ${key}`, "keys", "rotate")).stdout).toContain(keyId(Buffer.from(newer, "base64url")));
  expect(await completedWith(begun, "fay", newer)).toMatchObject({ hidden: { card: { token: tokenOf("1234") } } });
});

test("S23, S24: an erasure leaves no hidden value that anybody can open", async () => {
  const gus = new TestClient(node, "gus");
  const [open, done] = [await untilPlace(gus), await untilPlace(gus)];
  await gus.one(done.place);
  const { rows } = await pool.query("select * from sessions.session where id = $1", [open.session]);
  await node.as("gus", { name: "Privacy desk" }).erase();
  expect(await everyColumn(pool)).not.toContain(open.session);
  // As if a replica still had the row.
  await pool.query("insert into sessions.session select * from json_populate_record(null::sessions.session, $1)", [
    JSON.stringify({ ...rows[0], ...bytesOf(rows[0] as Record<string, unknown>) }),
  ]);
  onTestFinished(async () => void (await pool.query("delete from sessions.session where id = $1", [open.session])));
  await expect(completedWith(open, "gus")).rejects.toThrow(/sealed_invalid|internal/i);
  await expect(gus.one(draft(open.session, "note", "text", "x"))).rejects.toThrow(/sealed_invalid|internal/i);
});

/** Bytes as Postgres reads them from JSON. */
function bytesOf(row: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(row).flatMap(([name, value]) =>
      Buffer.isBuffer(value) ? [[name, `\\x${value.toString("hex")}`]] : [],
    ),
  );
}
