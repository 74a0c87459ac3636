import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { PROTOCOL_VERSION, type WatchEvent } from "@sessions/core/internal";
import { cancel, createBank, draft, start, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool } = await freshDatabase();

const node = createBank(pool);

beforeAll(() => node.migrate());

test("S25: a repeat makes no device, and of an owner's devices the last are kept", async () => {
  const owner = uuidv7();
  const few = createBank(pool, { bounds: { ownerDevices: 3 } });
  const begin = start(uuidv7(), "notes");
  const tellers = Array.from({ length: 5 }, () => new TestClient(few, owner));
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
  const ada = new TestClient(few, uuidv7());
  const sessions = Array.from({ length: 4 }, () => uuidv7());
  const outcomes = [];
  for (const session of sessions) outcomes.push(await ada.one(start(session, "notes")));
  expect(outcomes[2]).toMatchObject({ status: "accepted" });
  expect(outcomes[3]).toMatchObject({ refusal: { code: "limit_reached", atMost: 3, resetsAt: null } });
  await ada.one(cancel(sessions[0]!));
  expect(await ada.one(start(sessions[3]!, "notes"))).toMatchObject({ status: "accepted" });
  expect(await new TestClient(few, uuidv7()).one(start(uuidv7(), "notes"))).toMatchObject({ status: "accepted" });
  await few.close();
});

test.for([
  ["a flow without limits", "notes"],
  ["one with some", "transfer"],
])("S25: starts of %s that are under way at once, on two nodes, do not exceed it", async ([, flow]) => {
  const nodes = [1, 2].map(() => createBank(pool, { bounds: { ownerSessions: 5 } }));
  const owner = uuidv7();
  const tellers = Array.from({ length: 24 }, (_, nth) => new TestClient(nodes[nth % 2]!, owner));
  const outcomes = await Promise.all(tellers.map((teller) => teller.one(start(uuidv7(), flow))));
  const codes = outcomes.map((outcome) => (outcome.status === "accepted" ? "accepted" : outcome.refusal.code));
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
  const ada = new TestClient(few!, owner);
  await ada.one(start(uuidv7(), "notes"));
  await pool.query(
    `insert into sessions.session
    select (jsonb_populate_record(session, jsonb_build_object('id', '01900000-0000-7000-8000-' || lpad(nth::text, 12, '0')))).*
    from sessions.session session, generate_series(1, 999) nth where owner_id = $1`,
    [owner],
  );
  const nodes = Array.from({ length: 12 }, (_, nth) => (nth % 2 === 0 ? few! : other!));
  const outcomes = await Promise.all(nodes.map((each) => new TestClient(each, owner).one(start(uuidv7(), "notes"))));
  expect(outcomes.filter(({ status }) => status === "accepted")).toHaveLength(3);
  await Promise.all([few!.close(), other!.close()]);
});

test("S25: an owner's commands under way are bounded, and another's are taken", async () => {
  const few = createBank(pool, { bounds: { ownerCommands: 10 } });
  const ada = new TestClient(few, uuidv7());
  const eve = new TestClient(few, uuidv7());
  const pushes = Array.from({ length: 30 }, () => ada.one(start(uuidv7(), "notes")));
  const [others, ...outcomes] = await Promise.all([eve.one(start(uuidv7(), "notes")), ...pushes]);
  expect(others).toMatchObject({ status: "accepted" });
  const codes = outcomes.map((outcome) => (outcome.status === "accepted" ? "accepted" : outcome.refusal.code));
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
