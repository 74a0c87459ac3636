import { sql } from "kysely";
import { v7 as uuidv7 } from "uuid";
import { expect } from "vitest";
import type { Command } from "@sessions/core/internal";
import { generateKey } from "../secrets/key-ring.ts";
import { keysFromEnvironment } from "../secrets/environment-keys.ts";
import { rotateKeys, wrappingKeyUses } from "../secrets/rotation.ts";
import { verify } from "../flows/verification/verify.ts";
import type { Tables } from "../flows/rows/tables.ts";
import type { Database } from "../index.ts";
import { createKysely } from "../postgres/database.ts";
import { adoptSessions, visitorNamed } from "../testing/adopting.ts";
import { draft, start, submit, TestClient } from "../testing/bank.ts";
import { paymentNode } from "../testing/secrets/payments.ts";

const [older, newer] = [generateKey(), generateKey()];

/** Another schema than the default one. */
export const sealedSchema = "sealed_rows";

/** Seals, adopts, rotates, verifies and erases, and expects the same results on every database. */
export async function runSealedScenario(
  database: Database,
  owner: string,
  { prepare }: { readonly prepare?: false } = {},
): Promise<void> {
  const faults: string[] = [];
  const nodeWith = (keys: string, encrypt: "all" | "read") =>
    paymentNode(database, keys, {
      schema: sealedSchema,
      encrypt,
      ...(prepare === false && { prepare }),
      onError: ({ message, cause }) => faults.push(`${message} ${cause instanceof Error ? cause.message : ""}`),
    });
  const node = nodeWith(older, "all");
  const visitor = visitorNamed(owner);
  const stranger = new TestClient(node, visitor);
  const [open, done] = [await pay(stranger), await pay(stranger)];
  expect(await stranger.one(draft(open.session, "amount", "note", `draft "Grüße" 🦊`))).toMatchObject(accepted);
  expect(await stranger.one(done.review)).toMatchObject(accepted);
  const db = createKysely<Tables>(database).withSchema(sealedSchema);
  const { rows } = await sql`
    select (sealed is not null)::text as sealed, state::text as clear
    from ${sql.table(`${sealedSchema}.session`)} where id = ${open.session}::uuid`.execute(db);
  expect(rows).toMatchObject([{ sealed: "true" }]);
  expect(JSON.stringify(rows)).not.toMatch(/4111|rent|Grüße/);

  await adoptSessions(node, visitor, owner);
  const reader = new TestClient(nodeWith(older, "read"), owner);
  expect(await reader.read(open.session)).toMatchObject({
    data: { amount: { note: "rent" }, card: null },
    drafts: { amount: { note: { value: `draft "Grüße" 🦊` } } },
  });
  expect(await reader.list()).toMatchObject({ active: [{ id: open.session }], ended: [{ id: done.session }] });

  const provider = keysFromEnvironment(`${newer} ${older}`);
  expect((await rotateKeys({ db, provider })).wrapped).toBe(2);
  for (const use of await wrappingKeyUses(db, keysFromEnvironment(newer))) {
    expect(use).toMatchObject({ isCurrent: true, isThere: true });
  }
  const rotated = nodeWith(newer, "all");
  await rotated.check();
  const ada = new TestClient(rotated, owner);
  expect(await ada.one(open.review)).toMatchObject(accepted);
  expect(await ada.read(open.session)).toMatchObject({ status: "completed", result: { reference: "R 1111" } });
  const whole = () => verify(db, { cipherOf: nodeWith(newer, "read").opener.cipherOf });
  expect(await whole()).toMatchObject({ broken: null });

  // The first node has the destroyed key in memory, and the wrapping key that was replaced.
  expect(await rotated.as(owner, { name: "Privacy desk" }).erase()).toMatchObject({ sessions: 2 });
  expect(await ada.list()).toMatchObject({ active: [], ended: [] });
  const back = await pay(ada);
  expect(await new TestClient(nodeWith(newer, "read"), owner).read(back.session)).toMatchObject({
    data: { amount: { note: "rent" } },
  });
  expect(await whole()).toMatchObject({ broken: null });
  expect(faults).toEqual([]);
}

const accepted = { status: "accepted" };

async function pay(client: TestClient): Promise<{ readonly session: string; readonly review: Command }> {
  const session = uuidv7();
  const [amount, card] = [
    submit(session, "amount", { note: "rent" }),
    submit(session, "card", { number: "4111 1111" }),
  ];
  const { outcomes } = await client.push(start(session, "payment"), amount, card);
  expect(outcomes).toMatchObject([accepted, accepted, accepted]);
  return { session, review: submit(session, "review", {}, { review: null, amount: amount.id, card: card.id }) };
}

/** Creates the tables that the story needs, once in a database. */
export async function prepareSealed(database: Database): Promise<void> {
  await paymentNode(database, older, { schema: sealedSchema }).migrate();
}
