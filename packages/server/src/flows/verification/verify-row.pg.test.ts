import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { CompiledQuery } from "kysely";
import { createKysely } from "../../postgres/database.ts";
import { generateKey } from "../../secrets/key-ring.ts";
import { draft, start, submit, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { paymentNode } from "../../testing/secrets/payments.ts";
import type { Tables } from "../rows/tables.ts";
import { verify } from "./verify.ts";

const { pool } = await freshDatabase();
const db = createKysely<Tables>(pool).withSchema("sessions");
const key = generateKey();
const node = paymentNode(pool, key);
const verifier = paymentNode(pool, key);
const [active, ended] = [uuidv7(), uuidv7()];

beforeAll(async () => {
  await node.migrate();
  const ada = new TestClient(node, "ada", "Phone");
  for (const session of [active, ended]) {
    const [amount, card] = [submit(session, "amount", { note: "rent" }), submit(session, "card", { number: "4111" })];
    await ada.push(start(session, "payment"), amount, card);
    const seen = { review: null, amount: amount.id, card: card.id };
    if (session === ended) await ada.one(submit(session, "review", {}, seen));
  }
  await new TestClient(node, "bob", "Laptop").one(start(uuidv7(), "payment"));
  // These owners began nothing before the keys. So no entry without them is accepted, whatever the dates say.
  await pool.query("update sessions.owner_key set created_at = created_at + interval '1 hour'");
});

/** The ciphers are loaded before the transaction: it must not wait for another connection. */
async function checked(on: typeof db) {
  const ciphers = new Map<string, Awaited<ReturnType<typeof verifier.opener.cipherOf>>>();
  for (const owner of ["ada", "bob"]) ciphers.set(owner, await verifier.opener.cipherOf(owner));
  return verify(on, { cipherOf: (owner) => ciphers.get(owner)! });
}

const state = (path: string, value: string) =>
  `update sessions.session set state = jsonb_set(state::jsonb, '${path}', '${value}') where id = '${active}'`;
const without = (path: string) =>
  `update sessions.session set state = state::jsonb #- '${path}' where id = '${active}'`;
const row = (set: string) => `update sessions.session set ${set} where id = '${active}'`;
const archived = (set: string) => `update sessions.session_archive set ${set} where id = '${ended}'`;
const endState = (path: string, value: string) => archived(`state = jsonb_set(state::jsonb, '${path}', '${value}')`);
const event = (set: string, entry = 2) =>
  `update sessions.session_event set ${set} where session_id = '${active}' and entry = ${entry}`;

const previous = (entry: number) =>
  `(select hash from sessions.session_event where session_id = '${active}' and entry = ${entry})`;
/** Without the owner's key. */
const chainedAnew = [
  event("hash = sha256(convert_to(body::text, 'UTF8'))", 1),
  event(`hash = sha256(convert_to(encode(${previous(1)}, 'hex') || body::text, 'UTF8'))`, 2),
  event(`hash = sha256(convert_to(encode(${previous(2)}, 'hex') || body::text, 'UTF8'))`, 3),
  row(`hash = ${previous(3)}`),
].join("; ");

test.for<readonly [name: string, statement: string, says: string]>([
  ["the column of the status", archived("status = 'cancelled'"), "in its column"],
  ["the status in the state", endState("{status}", '"cancelled"'), "is cancelled, unlike"],
  [
    "the status in both",
    `${archived("status = 'cancelled'")}; ${endState("{status}", '"cancelled"')}`,
    "unlike its entry",
  ],
  ["the status of an active session", state("{status}", '"expired"'), "is expired, unlike"],
  ["the end in its column", archived("ended_at = ended_at - interval '1 ms'"), "another end"],
  ["the end in the state", endState("{endedAt}", '"2020-01-01T00:00:00.000Z"'), "another end"],
  ["the deadline in its column", row("expires_at = expires_at + interval '1 year'"), "another deadline"],
  ["the deadline in the state", state("{expiresAt}", '"2099-01-01T00:00:00.000Z"'), "another deadline"],
  ["the hour of the sweep", row("expires_bucket = expires_bucket + interval '1 year'"), "wrong hour"],
  ["the flow", row("flow = 'loan'"), "another flow"],
  ["the flow of an ended session", archived("flow = 'loan'"), "another flow"],
  ["the version", row("version = 2"), "version 2, its history at 1"],
  ["a revision that goes back", row("revision = 1"), "revision 1, its history at 3"],
  ["the revision of an ended session", archived("revision = 9"), "revision 9, its history at 4"],
  ["the begin", state("{startedAt}", '"2020-01-01T00:00:00.000Z"'), "began at another time"],
  ["the time of the last change", state("{updatedAt}", '"2020-01-01T00:00:00.000Z"'), "another time"],
  ["the device's id", state("{device,id}", `"${uuidv7()}"`), "another device"],
  ["the device's name", state("{device,name}", '"Tablet"'), "another device"],
  ["a submission that is gone", without("{submissions,amount}"), "names another submission"],
  [
    "a submission that is gone with its data",
    `${without("{submissions,amount}")}; ${without("{data,amount}")}; ${without("{outputs,amount}")}`,
    "lacks the submission of step amount",
  ],
  [
    "a submission that was added",
    state("{submissions,review}", `{"command": "${uuidv7()}", "at": "2026-01-01T00:00:00.000Z"}`),
    "submission that its history lacks",
  ],
  ["data that were added", state("{data,review}", "{}"), "other data"],
  ["data that were changed", state("{data,amount,note}", '"more"'), "other data"],
  ["an output that was added", state("{outputs,card}", "1"), "than its history"],
  ["an output of a step that is not submitted", state("{outputs,review}", "1"), "output without a submission"],
  ["an output that was changed", state("{outputs,amount,fee}", '"none"'), "another output"],
  ["the command of a submission", state("{submissions,amount,command}", `"${uuidv7()}"`), "names another submission"],
  ["the time of a submission", state("{submissions,amount,at}", '"2020-01-01T00:00:00.000Z"'), "another command, time"],
  ["the result", endState("{result,reference}", '"R-0"'), "another result"],
  ["a receipt twice", row("receipts = receipts || substr(receipts, 1, 36)"), "receipt twice"],
  ["a receipt that is gone", row("receipts = substr(receipts, 37)"), "lacks the receipt of its entry 1"],
  [
    "a receipt with another hash",
    row("receipts = set_byte(receipts, 30, 255 - get_byte(receipts, 30))"),
    "changed receipt of its entry 1",
  ],
  ["a receipt that was cut", row("receipts = substr(receipts, 1, 50)"), "cannot be read"],
  ["the revision of an entry in its column", event("revision = 9"), "columns of its entry 2"],
  ["the time of an entry in its column", event("at = at - interval '1 ms'"), "columns of its entry 2"],
  [
    "the text of an entry",
    event("body = jsonb_set(body::jsonb, '{at}', '\"2020-01-01T00:00:00.000Z\"')"),
    "entry 2 that was changed",
  ],
  [
    "the content of an entry",
    event("content = jsonb_set(content::jsonb, '{data,note}', '\"more\"')"),
    "entry 2 whose content was changed",
  ],
  ["a hash of the chain", event("hash = sha256(hash)"), "entry 2 that was changed"],
  ["a chain that was computed anew", chainedAnew, "entry 1 that was changed"],
  [
    "the last entry gone",
    `delete from sessions.session_event where session_id = '${active}' and entry = 3`,
    "its history at 2",
  ],
  [
    "the owner of a session, with its history",
    `${row("owner_id = 'bob'")}; update sessions.session_event set owner_id = 'bob' where session_id = '${active}'`,
    "does not open",
  ],
  ["a row that is gone", `delete from sessions.session where id = '${active}'`, "is gone, and its history stays"],
  // A hostile row never makes `verify` itself fail.
  ["a state that is no object", row("state = '[]'"), "is undefined, unlike"],
  ["a state without submissions", without("{submissions}"), "cannot be read"],
  ["a body that is no object", event("body = '7'"), "lacks entry 2"],
  ["a sealed value that is cut", row("sealed = substr(sealed, 1, 3)"), "does not open"],
])("S15: verify names a change of %s", async ([, statements, says]) => {
  const undone = db.transaction().execute(async (tx) => {
    for (const statement of statements.split("; ")) {
      const { numAffectedRows } = await tx.executeQuery(CompiledQuery.raw(statement));
      expect(Number(numAffectedRows)).toBeGreaterThan(0);
    }
    const { broken } = await checked(tx);
    expect(broken?.reason ?? "nothing").toContain(says);
    expect([active, ended]).toContain(broken?.session);
    throw new Error("Take it back.");
  });
  await expect(undone).rejects.toThrow("Take it back.");
});

test("S15: verify finds nothing in rows that nobody has changed", async () => {
  expect(await checked(db)).toEqual({ sessions: 3, broken: null });
});

test("verify cannot know what only drafts say: they are in no history, and change the revision, the time and the device", async () => {
  const ada = new TestClient(node, "ada", "Phone");
  await ada.one(draft(active, "amount", "note", "half"));
  expect((await checked(db)).broken).toBeNull();
  const undone = db.transaction().execute(async (tx) => {
    for (const statement of [state("{drafts}", "{}"), row("revision = 9"), state("{device,name}", '"Tablet"')]) {
      await tx.executeQuery(CompiledQuery.raw(statement));
    }
    expect((await checked(tx)).broken).toBeNull();
    throw new Error("Take it back.");
  });
  await expect(undone).rejects.toThrow("Take it back.");
});
