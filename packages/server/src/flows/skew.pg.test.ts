import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { seenBy, type AnyFlow, type Command, type Json, type Outcome } from "@sessions/core/internal";
import * as commands from "../../../core/src/testing/commands.ts";
import { createSessions, serve, type Sessions, type SessionsOptions } from "../index.ts";
import { createKysely } from "../postgres/database.ts";
import type { Tables } from "./rows/tables.ts";
import { loadHistory } from "./rows/history/history.ts";
import { keylessCipher } from "../secrets/owner-cipher.ts";
import { contentDigest } from "./rows/history/history-entry.ts";
import { chainHash } from "../postgres/chain-hash.ts";
import { start, submit, TestClient, type Context } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { verify } from "./verification/verify.ts";
import { first, second } from "../testing/order-versions.ts";

const { pool } = await freshDatabase();

const db = createKysely<Tables>(pool).withSchema("sessions");

const completed: { version: number; data: unknown }[] = [];

function nodeOf(flow: typeof first | typeof second, options: Partial<SessionsOptions<Context>> = {}): Sessions {
  const complete = ({ data }: { readonly data: unknown }) => void completed.push({ version: flow.version, data });
  return createSessions<Context>({
    database: pool,
    identify: ({ user }) => user !== undefined && { owner: user },
    onError: () => {},
    sweeps: false,
    ...options,
    flows: [
      "payee" in flow.steps
        ? serve(flow as typeof first, { complete })
        : serve(flow as typeof second, { steps: { amount: () => ({ feeCents: 25 }) }, complete }),
    ],
  });
}

const [oldNode, newNode] = [nodeOf(first), nodeOf(second)];

beforeAll(() => oldNode.migrate());

const typedAt = (ms: number) => `${String(ms).padStart(15, "0")}-0000-${uuidv7()}`;

const drafting = (session: string, version: number, name: string, fields: Record<string, Json>, ms = 1): Command => {
  const typed = Object.entries(fields).map(([field, value]) => [field, { value, at: typedAt(ms) }]);
  return commands.draft(session, name, Object.fromEntries(typed), { id: uuidv7(), version });
};

const accepted = (outcomes: readonly Outcome[]) => outcomes.filter(({ status }) => status === "accepted").length;

const whole = async () => expect((await verify(db)).broken).toBeNull();

/** Submits a step as a device does that runs this flow and sees what the node tells. */
async function submitting(
  teller: TestClient,
  flow: AnyFlow,
  session: string,
  name: string,
  input: Json,
): Promise<Command> {
  const seen = seenBy(flow, (await teller.read(session))!, name);
  return { ...submit(session, name, input, seen), version: flow.version };
}

test("S12, S15: a session begun before a deploy is completed after it, and its history spans both versions", async () => {
  const [old, now] = [new TestClient(oldNode, "ada"), new TestClient(newNode, "ada")];
  const session = uuidv7();
  const payee = submit(session, "payee", { name: "Grace" });
  await old.push(start(session, "order"), payee, submit(session, "address", { street: "Elm" }));
  await old.push(submit(session, "amount", { euros: 7 }), drafting(session, 1, "place", { accepted: false }));
  const before = (await now.read(session))!;
  expect(before).toMatchObject({ version: 1, revision: 5, data: { payee: { name: "Grace" }, amount: { euros: 7 } } });

  // Lifting is written with the first change, a draft here, and told with it.
  const { snapshots } = await now.push(drafting(session, 2, "address", { street: "Oak" }));
  expect(snapshots).toMatchObject([
    {
      version: 2,
      revision: 6,
      data: { recipient: { fullName: "Grace" }, address: { street: "Elm" } },
      drafts: { amount: { cents: { value: 700 } }, place: { accepted: { value: false } } },
    },
  ]);
  await whole();

  await now.push(await submitting(now, second, session, "amount", { cents: 700 }));
  await now.push(await submitting(now, second, session, "place", { accepted: true }));
  expect(await now.read(session)).toMatchObject({ status: "completed", version: 2, revision: 8 });
  expect(completed.at(-1)).toEqual({
    version: 2,
    data: {
      recipient: { fullName: "Grace" },
      address: { street: "Elm" },
      amount: { cents: 700 },
      place: { accepted: true },
    },
  });
  await whole();

  const entries = await pool.query<{ command: string | null; change: { kind: string } }>(
    "select body->>'command' as command, body->'change' as change from sessions.session_event where session_id = $1 order by entry",
    [session],
  );
  expect(entries.rows.map(({ change }) => change.kind)).toEqual(
    "start submit submit submit lift submit submit".split(" "),
  );
  // A draft leaves neither a receipt nor what was typed.
  expect(entries.rows.map(({ command }) => command === null)).toEqual([0, 0, 0, 0, 1, 0, 0].map(Boolean));
  expect(JSON.stringify(entries.rows)).not.toContain("Oak");
});

test("S12, S2: a command that an old node took is not taken again by a new one, in the words of its own version", async () => {
  const [old, now] = [new TestClient(oldNode, "ada"), new TestClient(newNode, "ada")];
  const session = uuidv7();
  const payee = submit(session, "payee", { name: "Grace" });
  const queued = submit(session, "address", { street: "Elm" });
  await old.push(start(session, "order"), payee);
  // The reply was lost; the page came back from a newer server and sends what it had queued.
  const { outcomes } = await now.push(payee, queued);
  expect(outcomes).toEqual([
    { status: "accepted", revision: 2, replayed: true },
    { status: "accepted", revision: 3, replayed: false },
  ]);
  expect((await now.push(payee, queued)).outcomes.map((outcome) => outcome)).toMatchObject([
    { revision: 2, replayed: true },
    { revision: 3, replayed: true },
  ]);
  expect(await now.read(session)).toMatchObject({ version: 2, data: { recipient: { fullName: "Grace" } } });

  const late = await old.push(payee, queued, drafting(session, 1, "amount", { euros: 9 }));
  expect(late.outcomes).toMatchObject([
    { replayed: true },
    { replayed: true },
    { refusal: { code: "outdated", given: 2, current: 1 } },
  ]);
  expect(await old.read(session)).toMatchObject({ version: 2, revision: 3 });
  await whole();
});

test("S12, S3: while a deploy rolls, devices of both versions race through nodes of both, and no change is lost", async () => {
  const nodes = [oldNode, newNode, nodeOf(first), nodeOf(second)];
  const sessions = Array.from({ length: 12 }, () => uuidv7());
  const tellers = nodes.map((node) => new TestClient(node, "eve"));
  const [old] = tellers;
  for (const session of sessions) await old!.push(start(session, "order"), submit(session, "payee", { name: "Grace" }));

  let taken = 0;
  const race = async (teller: TestClient, session: string, version: number, index: number) => {
    const words = version === 1 ? { euros: index } : { cents: index };
    const outcomes: Outcome[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const drafts = drafting(session, version, "amount", words, 10 * turn + index);
      const address = { ...submit(session, "address", { street: `${index}` }), version };
      outcomes.push(...(await teller.push(drafts, address)).outcomes);
    }
    const codes = outcomes.flatMap((each) => (each.status === "refused" ? [each.refusal.code] : []));
    expect(codes.filter((code) => code !== "outdated" && code !== "conflict")).toEqual([]);
    taken += accepted(outcomes);
  };
  await Promise.all(
    sessions.flatMap((session) =>
      tellers.flatMap((teller, index) => [race(teller, session, 1, index), race(teller, session, 2, index + 4)]),
    ),
  );
  expect(taken).toBeGreaterThan(sessions.length * 4);

  const [, now] = tellers;
  for (const session of sessions) {
    const snapshot = (await now!.read(session))!;
    expect(snapshot).toMatchObject({ version: 2, data: { recipient: { fullName: "Grace" } } });
    const kinds = await pool.query<{ kind: string; lifted: boolean; revision: number }>(
      `select body->'change'->>'kind' as kind, body::jsonb ? 'lifted' as lifted, revision
       from sessions.session_event where session_id = $1 order by entry`,
      [session],
    );
    expect(kinds.rows.filter(({ lifted }) => lifted)).toHaveLength(1);
    expect(kinds.rows.filter(({ kind }) => kind === "submit")).toHaveLength(2);
  }
  await whole();
});

test("S12: a session that cannot be lifted is kept as it is, and the application hears which, not what it holds", async () => {
  const reports: Error[] = [];
  const old = new TestClient(oldNode, "ada");
  const session = uuidv7();
  await old.push(start(session, "order"), submit(session, "payee", { name: "Grace" }));
  const before = await old.read(session);
  const row = async () => (await pool.query("select * from sessions.session where id = $1", [session])).rows;
  const rowBefore = await row();

  const throwing = {
    1: {
      payee: {
        to: "recipient" as const,
        fields: () => {
          throw new RangeError("Not Grace!");
        },
      },
    },
  };
  const broken = new TestClient(
    nodeOf({ ...second, migrate: throwing }, { onError: (error) => reports.push(error) }),
    "ada",
  );
  const { outcomes } = await broken.push({ ...submit(session, "address", { street: "Elm" }), version: 2 });
  expect(outcomes).toEqual([{ status: "refused", refusal: { code: "outdated", given: 1, current: 2 } }]);
  expect(await broken.read(session)).toEqual(before);
  expect(await row()).toEqual(rowBefore);
  expect(reports).toMatchObject([{ code: "migration_failed", message: expect.stringContaining("threw RangeError") }]);
  expect(JSON.stringify(reports.map(({ message, cause }) => [message, cause]))).not.toContain("Grace");

  // The migration is mended, and everything goes on.
  const mended = new TestClient(newNode, "ada");
  const again = await mended.push({ ...submit(session, "address", { street: "Elm" }), version: 2 });
  expect(again.outcomes).toMatchObject([{ status: "accepted", revision: 3 }]);
});

test("S15, S12: verify finds a session at a version that its history does not say", async () => {
  const [old, now] = [new TestClient(oldNode, "mallory"), new TestClient(newNode, "mallory")];
  const session = uuidv7();
  await old.push(start(session, "order"), submit(session, "payee", { name: "Grace" }));
  await now.push({ ...submit(session, "address", { street: "Elm" }), version: 2 });
  await whole();
  const set = (version: number) =>
    pool.query("update sessions.session set version = $2 where id = $1", [session, version]);
  await set(1);
  expect((await verify(db)).broken).toMatchObject({ session, reason: "is at version 1, its history at 2" });
  await set(2);
  await whole();
});

test("S15, S12: verify finds a lift that tells of a submission that there was not, hashes and all", async () => {
  const [old, now] = [new TestClient(oldNode, "mallory"), new TestClient(newNode, "mallory")];
  const session = uuidv7();
  const payee = submit(session, "payee", { name: "Grace" });
  await old.push(start(session, "order"), payee);
  await now.push({ ...submit(session, "address", { street: "Elm" }), version: 2 });
  const forge = async (from: string, to: string) => {
    const [, before, third] = await loadHistory(db, "mallory", session, keylessCipher);
    const clear = third!.clear!.replaceAll(from, to);
    const body = { ...third!.body, content: contentDigest({ clear, sealed: null }) };
    const hash = chainHash(before!.hash, JSON.stringify(body));
    await pool.query(
      "update sessions.session_event set body = $3, content = $4, hash = $5 where session_id = $1 and entry = $2",
      [session, third!.number, JSON.stringify(body), clear, hash],
    );
    await pool.query(
      "update sessions.session set state = replace(state::text, $2, $3)::jsonb, hash = $4 where id = $1",
      [session, from, to, hash],
    );
  };
  const forged = uuidv7();
  await forge(payee.id, forged);
  expect((await verify(db)).broken).toMatchObject({ session, reason: "lifts at entry 3 what was not submitted" });
  await forge(forged, payee.id);
  await whole();
});
