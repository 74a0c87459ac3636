import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { createKysely } from "../postgres/database.ts";
import { generateKey } from "../secrets/key-ring.ts";
import { start, submit, TestClient } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { paymentNode } from "../testing/secrets/payments.ts";
import { loadHistory } from "./rows/history/history.ts";
import type { Tables } from "./rows/tables.ts";
import { verifySession } from "./verification/verify.ts";

const { pool } = await freshDatabase();
const db = createKysely<Tables>(pool).withSchema("sessions");
const reports: string[] = [];
const node = paymentNode(pool, generateKey(), {
  encrypt: "all",
  cacheBytes: 0,
  onError: ({ message }) => reports.push(message),
});
await node.migrate();

/** A place in the database that has a ciphertext. */
interface SealedPlace {
  readonly table: "session" | "session_archive" | "session_event";
  readonly owner: string;
  readonly session: string;
  readonly entry: number;
  readonly sealed: string;
}

async function sealedPlaces(): Promise<readonly SealedPlace[]> {
  const { rows } = await pool.query<SealedPlace>(`
    select 'session' as table, owner_id as owner, id as session, 0 as entry, encode(sealed, 'hex') as sealed from sessions.session
    union all select 'session_archive', owner_id, id, 0, encode(sealed, 'hex') from sessions.session_archive
    union all select 'session_event', owner_id, session_id, entry, encode(sealed, 'hex') from sessions.session_event
    where sealed is not null`);
  return rows;
}

async function write({ table, owner, session, entry }: SealedPlace, sealed: string): Promise<void> {
  const isEvent = table === "session_event";
  const { rowCount } = await pool.query(
    `update sessions.${table} set sealed = decode($1, 'hex')
     where owner_id = $2 and ${isEvent ? "session_id" : "id"} = $3 ${isEvent ? `and entry = ${entry}` : ""}`,
    [sealed, owner, session],
  );
  if (rowCount !== 1) throw new Error("A place is one row.");
}

async function read({ table, owner, session }: SealedPlace): Promise<unknown> {
  if (table !== "session_event") return new TestClient(node, owner).read(session);
  return loadHistory(db, owner, session, await node.opener.cipherOf(owner));
}

/** Two owners, each with sessions that are active and ended. */
async function fill(): Promise<void> {
  for (const owner of ["ada", "bob"]) {
    const client = new TestClient(node, owner);
    for (const isEnded of [false, true, false]) {
      const session = uuidv7();
      const [amount, card] = [submit(session, "amount", { note: "rent" }), submit(session, "card", { number: "4111" })];
      await client.push(start(session, "payment"), amount, card);
      const seen = { review: null, amount: amount.id, card: card.id };
      if (isEnded) await client.one(submit(session, "review", {}, seen));
    }
  }
}

test("S11: of any two ciphertexts, none opens at the place of the other: a fault names the place", async () => {
  await fill();
  const places = await sealedPlaces();
  expect(new Set(places.map(({ table }) => table)).size).toBe(3);
  expect(places.length).toBeGreaterThan(20);
  for (const place of places) {
    for (const { sealed } of places.filter((other) => other !== place)) {
      await write(place, sealed);
      reports.length = 0;
      const fault = await read(place).then(
        () => "a value",
        (error: unknown) => [String(error), ...reports].join("\n"),
      );
      const where = place.table === "session_event" ? `Entry ${place.entry} of` : "The row of";
      expect(fault).toContain(`sealed_invalid: ${where} session ${place.session} does not open`);
      expect(fault).not.toMatch(/rent|4111/);
    }
    // `verify` names it too.
    const problem = await verifySession(db, place.owner, place.session, node.opener.cipherOf);
    expect(problem).toContain("has a value that does not open");
    await write(place, place.sealed);
    expect(await verifySession(db, place.owner, place.session, node.opener.cipherOf)).toBeNull();
  }
});

test("S11: an owner's rows and keys do not open as those of another owner", async () => {
  const [{ session }] = (await sealedPlaces()).filter(({ owner }) => owner === "ada") as [SealedPlace];
  await pool.query(`
    create table stolen as select * from sessions.session where id = '${session}';
    update stolen set owner_id = 'eve';
    insert into sessions.session select * from stolen;
    insert into sessions.owner_key select 'eve', generation, key_id, data, chain, created_at from sessions.owner_key where owner_id = 'ada'`);
  reports.length = 0;
  const eve = new TestClient(node, "eve");
  await expect(eve.read(session)).rejects.toThrow(/internal|sealed_invalid/i);
  expect((await eve.list()).active).toEqual([]);
  expect(reports.join("\n")).toContain(`sealed_invalid: The row of session ${session} does not open`);
  expect(reports.join("\n")).not.toMatch(/rent|4111/);
});
