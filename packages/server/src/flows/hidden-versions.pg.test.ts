import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import { liftSession, seenBy, type AnyFlow, type Json } from "@sessions/core/internal";
import { createSessions, serve, type ServedFlow } from "../index.ts";
import { createKysely } from "../postgres/database.ts";
import { draft, start, submit, TestClient, type Context } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { testKeys } from "../testing/secrets/keys.ts";
import type { Tables } from "./rows/tables.ts";
import { verify } from "./verification/verify.ts";

const { pool } = await freshDatabase();
const db = createKysely<Tables>(pool).withSchema("sessions");
const reports: string[] = [];
/** What each completion was given. */
const completed: object[] = [];
const complete = ({ hidden }: { readonly hidden: object }) => void completed.push(hidden);

const card = step({ input: z.object({ number: z.string() }) });
const note = step({ input: z.object({ text: z.string() }) });
const review = step({ input: z.object({ ok: z.boolean() }) });
const token = z.object({ token: z.string() });
const hide = ({ input }: { readonly input: { readonly number: string } }) => ({
  hidden: { token: `of ${input.number}` },
});

const first = defineFlow({ name: "charge", version: 1, steps: { card, note, review } });
const second = <const Migration extends object>(migration: Migration) =>
  defineFlow({
    name: "charge",
    version: 2,
    steps: { wallet: card, note, review },
    migrate: { 1: migration },
  });
const moved = second({ card: { to: "wallet" } });
const again = second({ card: { to: "wallet", again: true } });
const removed = defineFlow({ name: "charge", version: 2, steps: { note, review }, migrate: { 1: { card: null } } });

const nodeOf = (served: ServedFlow) =>
  createSessions<Context>({
    database: pool,
    identify: ({ user }) => user !== undefined && { owner: user },
    onError: ({ message }) => reports.push(message),
    sweeps: false,
    cacheBytes: 0,
    keys: testKeys,
    flows: [served],
  });
const hiding = nodeOf(serve(first, { hidden: { card: token }, steps: { card: hide }, complete }));
const plain = nodeOf(serve(first, { complete: () => {} }));
const laterHidden = { wallet: z.object({ token: z.string(), kind: z.string().optional() }) };
const later = (flow: typeof moved) => nodeOf(serve(flow, { hidden: laterHidden, steps: { wallet: hide }, complete }));

beforeAll(() => hiding.migrate());

const whole = async () => expect((await verify(db, { cipherOf: hiding.opener.cipherOf })).broken).toBeNull();

/** A session of the first version that stands at its last step, and one device of its owner on another node. */
async function begunOn(node: typeof hiding, then: typeof hiding) {
  const owner = uuidv7();
  const session = uuidv7();
  const filled = [submit(session, "card", { number: "1234" }), submit(session, "note", { text: "rent" })];
  await new TestClient(node, owner).push(start(session, "charge"), ...filled);
  const client = new TestClient(then, owner);
  return {
    session,
    client,
    async submits(flow: AnyFlow, name: string, input: Json) {
      const seen = seenBy(flow, liftSession(flow, (await client.read(session))!), name);
      return client.one({ ...submit(session, name, input, seen), version: flow.version });
    },
  };
}

test("S12, S23: what was hidden goes with its submission to the next version, also when its step has another name", async () => {
  const { client, session, submits } = await begunOn(hiding, later(moved));
  // A draft lifts the session, and the lift alone is stored.
  await client.one({ ...draft(session, "note", "text", "new"), version: 2 });
  await whole();
  expect(await submits(moved, "review", { ok: true })).toMatchObject({ status: "accepted" });
  expect(completed.at(-1)).toEqual({ wallet: { token: "of 1234" } });
  await whole();
});

test("S12, S23: a step that hid nothing before the deploy fails the handlers after it, until it is submitted again", async () => {
  const { session, submits } = await begunOn(plain, later(moved));
  const given = completed.length;
  expect(await submits(moved, "review", { ok: true })).toEqual({ status: "refused", refusal: { code: "failed" } });
  expect(reports.at(-1)).toContain("hidden_invalid: Flow charge, step wallet was submitted with no hidden value.");
  expect(reports.at(-1)).toContain(session);
  expect(completed).toHaveLength(given);
  expect(await submits(moved, "wallet", { number: "5" })).toMatchObject({ status: "accepted" });
  expect(await submits(moved, "review", { ok: true })).toMatchObject({ status: "accepted" });
  expect(completed.at(-1)).toEqual({ wallet: { token: "of 5" } });
  await whole();
});

test("S12, S23: a migration that asks for the step again hides its value before the handlers need it", async () => {
  const { client, session, submits } = await begunOn(plain, later(again));
  expect(await submits(again, "review", { ok: true })).toMatchObject({ refusal: { code: "step_unreachable" } });
  await submits(again, "wallet", { number: "7" });
  expect(await client.read(session)).toMatchObject({ data: { wallet: { number: "7" }, note: { text: "rent" } } });
  expect(await submits(again, "review", { ok: true })).toMatchObject({ status: "accepted" });
  expect(completed.at(-1)).toEqual({ wallet: { token: "of 7" } });
  await whole();
});

test("S12, S23: a step that is removed takes what it hid with it", async () => {
  const node = nodeOf(serve(removed, { complete }));
  const { session, client, submits } = await begunOn(hiding, node);
  await client.one({ ...draft(session, "note", "text", "new"), version: 2 });
  const { rows } = await pool.query<{ owner: string; sealed: Buffer }>(
    "select owner_id as owner, sealed from sessions.session where id = $1",
    [session],
  );
  const cipher = await node.opener.cipherOf(rows[0]!.owner);
  expect(cipher.open({ kind: "session", session, entry: null }, rows[0]!.sealed)).not.toContain("of 1234");
  expect(await submits(removed, "review", { ok: true })).toMatchObject({ status: "accepted" });
  expect(completed.at(-1)).toEqual({});
  await whole();
});
