import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, PROTOCOL_VERSION, step, type Json, type WatchEvent } from "@sessions/core";
import { createSessions, serve } from "../../index.ts";
import { createBank, draft, start, submit, Teller, type Context } from "../../testing/bank.ts";
import { createPlainHost } from "../../testing/host.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool } = await freshDatabase();
const node = createBank(pool);
// A host that has read nothing of docs/hardening.md.
const server = createServer(
  createHTTPHandler({
    router: createPlainHost(node),
    createContext: ({ req }) => ({ user: String(req.headers["x-user"]), requestedAt: new Date() }),
  }),
);
let url: string;

beforeAll(async () => {
  await node.migrate();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.closeAllConnections());
afterAll(() => void server.close());

const large = "x".repeat(60_000);

/** A session of about so many steps of 60 kB. */
async function largeSession(teller: Teller): Promise<string> {
  const session = uuidv7();
  const left = submit(session, "left", { text: large });
  await teller.push(start(session, "notes"), left, submit(session, "middle", { text: large }, { left: left.id }));
  return session;
}

test("S25: a hundred small drafts of a large session are one write and one revision", async () => {
  const ada = new Teller(node, uuidv7());
  const session = await largeSession(ada);
  const before = (await ada.read(session))!;
  const fields = Array.from({ length: 100 }, (_, index) => draft(session, "right", `f${index}`, index));
  fields[40] = draft(session, "left", "unknown", 1);
  const { outcomes, snapshots } = await ada.push(...fields);

  const made = before.revision + 1;
  const accepted = outcomes.flatMap((outcome) => (outcome.outcome === "accepted" ? [outcome] : []));
  expect(accepted.map(({ revision, replayed }) => [revision, replayed])).toEqual(
    Array.from({ length: 99 }, (_, index) => [made, index > 0]),
  );
  expect(outcomes[40]).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(snapshots).toEqual([await ada.read(session)]);
  expect(Object.keys(snapshots[0]!.drafts["right"]!)).toHaveLength(99);
  // Each write takes a revision: there was one.
  expect(snapshots[0]!.revision).toBe(made);
});

test("S3: drafts that are pushed together and race others merge, without a gap", async () => {
  const owner = uuidv7();
  const session = uuidv7();
  await new Teller(node, owner).one(start(session, "notes"));
  const revisions = await Promise.all(
    Array.from({ length: 8 }, async (_, who) => {
      const drafts = Array.from({ length: 5 }, (__, nth) => draft(session, "right", `f${who}_${nth}`, nth));
      const { outcomes } = await new Teller(node, owner).push(...drafts);
      return outcomes.flatMap((outcome) =>
        outcome.outcome === "accepted" && !outcome.replayed ? [outcome.revision] : [],
      );
    }),
  );
  const made = revisions.flat().toSorted((a, b) => a - b);
  expect(made).toEqual(made.map((_, index) => index + 2));
  const read = await new Teller(node, owner).read(session);
  expect(read!.revision).toBe(made.at(-1));
  expect(Object.keys(read!.drafts["right"]!)).toHaveLength(40);
});

test("S25: a push's snapshots end by bytes; what they have no room for comes again", async () => {
  const ada = new Teller(node, uuidv7());
  const sessions: string[] = [];
  for (let index = 0; index < 30; index += 1) sessions.push(await largeSession(ada));
  const commands = sessions.map((session) => draft(session, "right", "a", 1));
  let waiting = commands;
  for (let pushes = 0; waiting.length > 0; pushes += 1) {
    expect(pushes).toBeLessThan(10);
    const reply = await ada.push(...waiting);
    expect(JSON.stringify(reply).length).toBeLessThan(1024 * 1024 + 10_000);
    const told = new Set(reply.snapshots.map(({ id }) => id));
    expect(told.size).toBeGreaterThan(0);
    for (const outcome of reply.outcomes) {
      if (outcome.outcome === "refused") expect(outcome.refusal.code).toBe("busy");
    }
    // What took effect and has no room is sent again as well.
    waiting = waiting.filter(({ session }) => !told.has(session));
  }
});

test("S25: refusals count too, whatever they quote, and all come in the end", async () => {
  const ada = new Teller(node, uuidv7());
  const session = await largeSession(ada);
  const deep = Array.from({ length: 30 }, () => "k".repeat(190)).reduceRight<Json>((inner, key) => ({ [key]: inner }), {
    all: Array.from({ length: 20 }, () => "\0"),
  });
  let waiting = [
    ...Array.from({ length: 50 }, () => submit(session, "left", { text: "x" }, { left: uuidv7() })),
    ...Array.from({ length: 50 }, () => submit(session, "right", deep as Record<string, Json>)),
  ];
  for (let pushes = 0; waiting.length > 0; pushes += 1) {
    expect(pushes).toBeLessThan(10);
    const { outcomes, snapshots } = await ada.push(...waiting);
    expect(JSON.stringify({ outcomes, snapshots }).length).toBeLessThan(1024 * 1024 + 200_000);
    const codes = outcomes.map((outcome) => outcome.outcome === "refused" && outcome.refusal.code);
    expect(codes).not.toContain(false);
    waiting = waiting.filter((_, index) => codes[index] === "busy");
  }
});

test("S25: a repeat makes no device, and of an owner's devices the last are kept", async () => {
  const owner = uuidv7();
  const few = createBank(pool, { bounds: { ownerDevices: 3 } });
  const begin = start(uuidv7(), "notes");
  const tellers = Array.from({ length: 5 }, () => new Teller(few, owner));
  await tellers[0]!.one(begin);
  await tellers[4]!.one(begin);
  const devices = async () => {
    const { rows } = await pool.query("select id from sessions.device where owner_id = $1 order by last_seen_at", [
      owner,
    ]);
    return rows.map(({ id }) => id as string);
  };
  expect(await devices()).toEqual([tellers[0]!.device.id]);
  for (const teller of tellers) await teller.one(draft(begin.session, "left", "text", uuidv7()));
  expect(await devices()).toEqual(tellers.slice(2).map(({ device }) => device.id));
  await few.close();
});

test("S25: an owner may have so many sessions open, and as many again once they have ended", async () => {
  const few = createBank(pool, { bounds: { ownerSessions: 3 } });
  const ada = new Teller(few, uuidv7());
  const sessions = Array.from({ length: 4 }, () => uuidv7());
  const outcomes = [];
  for (const session of sessions) outcomes.push(await ada.one(start(session, "notes")));
  expect(outcomes[2]).toMatchObject({ outcome: "accepted" });
  expect(outcomes[3]).toMatchObject({ refusal: { code: "limit_reached", atMost: 3, resetsAt: null } });
  await ada.one({ kind: "cancel", id: uuidv7(), session: sessions[0]!, version: 1 });
  expect(await ada.one(start(sessions[3]!, "notes"))).toMatchObject({ outcome: "accepted" });
  expect(await new Teller(few, uuidv7()).one(start(uuidv7(), "notes"))).toMatchObject({ outcome: "accepted" });
  await few.close();
});

test.for([
  ["a flow without limits", "notes"],
  ["one with some", "transfer"],
])("S25: starts of %s that are under way at once, on two nodes, do not exceed it", async ([, flow]) => {
  const nodes = [1, 2].map(() => createBank(pool, { bounds: { ownerSessions: 5 } }));
  const owner = uuidv7();
  const tellers = Array.from({ length: 24 }, (_, nth) => new Teller(nodes[nth % 2]!, owner));
  const outcomes = await Promise.all(tellers.map((teller) => teller.one(start(uuidv7(), flow))));
  const codes = outcomes.map((outcome) => (outcome.outcome === "accepted" ? "accepted" : outcome.refusal.code));
  expect(codes.toSorted()).toEqual([
    ...Array.from({ length: 5 }, () => "accepted"),
    ...Array.from({ length: 19 }, () => "limit_reached"),
  ]);
  expect((await tellers[0]!.list()).active).toHaveLength(5);
  for (const each of nodes) await each.close();
});

test("S25: nor do they where an owner may have many, and has nearly as many", async () => {
  const [few, other] = [1, 2].map(() => createBank(pool, { bounds: { ownerSessions: 1_003 } }));
  const owner = uuidv7();
  const ada = new Teller(few!, owner);
  await ada.one(start(uuidv7(), "notes"));
  await pool.query(
    `insert into sessions.session
    select (jsonb_populate_record(session, jsonb_build_object('id', '01900000-0000-7000-8000-' || lpad(nth::text, 12, '0')))).*
    from sessions.session session, generate_series(1, 999) nth where owner_id = $1`,
    [owner],
  );
  const nodes = Array.from({ length: 12 }, (_, nth) => (nth % 2 === 0 ? few! : other!));
  const outcomes = await Promise.all(nodes.map((each) => new Teller(each, owner).one(start(uuidv7(), "notes"))));
  expect(outcomes.filter(({ outcome }) => outcome === "accepted")).toHaveLength(3);
  await Promise.all([few!.close(), other!.close()]);
});

test("S25: an owner's commands under way are bounded, and another's are taken", async () => {
  const few = createBank(pool, { bounds: { ownerCommands: 10 } });
  const ada = new Teller(few, uuidv7());
  const eve = new Teller(few, uuidv7());
  const pushes = Array.from({ length: 30 }, () => ada.one(start(uuidv7(), "notes")));
  const [others, ...outcomes] = await Promise.all([eve.one(start(uuidv7(), "notes")), ...pushes]);
  expect(others).toMatchObject({ outcome: "accepted" });
  const codes = outcomes.map((outcome) => (outcome.outcome === "accepted" ? "accepted" : outcome.refusal.code));
  expect(codes.filter((code) => code === "accepted").length).toBeGreaterThanOrEqual(10);
  expect(new Set(codes)).toEqual(new Set(["accepted", "busy"]));
  await few.close();
});

test("S25: an owner may have so many streams open, and another as many", async () => {
  const few = createBank(pool, { bounds: { ownerStreams: 2 } });
  const open = async (owner: string) => {
    const stream = await few.router.createCaller({ user: owner }).watch({ protocol: PROTOCOL_VERSION, known: {} });
    const events: AsyncIterator<WatchEvent, void> = (stream as AsyncIterable<WatchEvent>)[Symbol.asyncIterator]();
    await events.next();
    return events;
  };
  const ada = await Promise.allSettled(Array.from({ length: 5 }, () => open("ada")));
  expect(ada.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
  for (const result of ada) {
    if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "TOO_MANY_REQUESTS" });
    else await result.value.return?.();
  }
  const [again, eve] = await Promise.all([open("ada"), open("eve")]);
  await Promise.all([again.return?.(), eve.return?.()]);
  await few.close();
});

test("S25: one request for a hundred lists, and lists that nobody reads, leave memory and other owners alone", async () => {
  const owner = uuidv7();
  const ada = new Teller(node, owner);
  for (let index = 0; index < 12; index += 1) await largeSession(ada);
  const input = { flow: null, limit: 100, after: null };
  const names = Array.from({ length: 100 }, () => "sessions.list").join(",");
  const inputs = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [index, input]));
  const headers = { "x-user": owner };
  const eve = new Teller(node, uuidv7());
  await eve.one(start(uuidv7(), "notes"));

  const batch = fetch(`${url}/${names}?batch=1&input=${encodeURIComponent(JSON.stringify(inputs))}`, {
    headers,
  });
  const unread = Array.from({ length: 60 }, () =>
    fetch(`${url}/sessions.list?input=${encodeURIComponent(JSON.stringify(input))}`, { headers }),
  );
  const answered = performance.now();
  await eve.list();
  expect(performance.now() - answered).toBeLessThan(2_000);

  const replies = await Promise.all(unread);
  const statuses = replies.map(({ status }) => status);
  const text = await (await batch).text();
  // The node does nothing else while it writes one text of all replies.
  expect(text.length).toBeGreaterThan(3 * 1024 * 1024);
  expect(text.length).toBeLessThan(4 * 1024 * 1024 + 100 * 500);
  const told = (JSON.parse(text) as { error?: { data: { httpStatus: number } } }[]).map(
    ({ error }) => error?.data.httpStatus ?? 200,
  );
  expect(new Set([...statuses, ...told])).toEqual(new Set([200, 429]));
  expect([...statuses, ...told].filter((status) => status === 200).length).toBeLessThan(60);
  await Promise.all(replies.map(async (reply) => reply.body?.cancel()));
});

test("S25: what pushes tell an owner counts as what reads do; the rest is busy, and comes later", async () => {
  let nowMs = Date.now();
  const few = createBank(pool, { bounds: { ownerReplyBytes: 1_000_000 }, now: () => nowMs });
  const ada = new Teller(few, uuidv7());
  const session = await largeSession(ada);
  nowMs += 15_000;
  const refused = draft(session, "unknown", "a", 1);
  const replies = await Promise.all(Array.from({ length: 40 }, () => ada.push(refused)));
  const told = replies.filter(({ snapshots }) => snapshots.length > 0);
  expect(told.length).toBeGreaterThan(5);
  expect(told.length).toBeLessThan(12);
  const [away] = replies.filter(({ snapshots }) => snapshots.length === 0).flatMap(({ outcomes }) => outcomes);
  expect(away).toMatchObject({ refusal: { code: "busy" } });
  const other = new Teller(few, uuidv7());
  expect(await other.one(start(uuidv7(), "notes"))).toMatchObject({ outcome: "accepted" });
  nowMs += 15_000;
  expect((await ada.push(refused)).snapshots).toHaveLength(1);
  await few.close();
});

test("S25: a refused input is parsed once, each in a turn of the event loop of its own when that takes long", async () => {
  let turn = 0;
  let ticking = setImmediate(function tick() {
    turn += 1;
    ticking = setImmediate(tick);
  });
  const parsedIn: number[] = [];
  const slow = z.array(z.number()).superRefine((_, context) => {
    parsedIn.push(turn);
    for (const until = performance.now() + 12; performance.now() < until;);
    context.addIssue("No.");
  });
  const heavy = defineFlow({ name: "heavy", version: 1, steps: { all: step({ input: z.object({ slow }) }) } });
  const few = createSessions<Context>({
    database: pool,
    identify: ({ user }) => ({ owner: user! }),
    flows: [serve(heavy, {})],
    sweeps: false,
  });
  const ada = new Teller(few, uuidv7());
  const sessions = Array.from({ length: 8 }, () => uuidv7());
  await ada.push(...sessions.map((session) => start(session, "heavy")));
  const { outcomes } = await ada.push(...sessions.map((session) => submit(session, "all", { slow: [1] })));
  clearImmediate(ticking);
  expect(outcomes).toHaveLength(8);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(parsedIn).toHaveLength(8);
  expect(new Set(parsedIn).size).toBe(8);
  await few.close();
});
